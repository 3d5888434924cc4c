"""Where a run comes from, for people: who asked for it, why, and by which rules it was started."""

from collections.abc import Iterator, Mapping
from typing import Any

from sweeps.runs import Provenance


def origin_lines(provenance: Provenance) -> Iterator[tuple[str, str]]:
    """Subject and sentence, as far as it is recorded."""
    origin = provenance.get("origin")
    if not origin:
        return
    by = str(origin.get("submitted_by"))
    at = f" at {origin['submitted_at'][:19]}" if origin.get("submitted_at") else ""
    owner = f" for {origin['owner']}" if origin.get("owner") not in {None, by} else ""
    yield "submitted", f"by {by}{owner}{at}"
    if origin.get("rerun_of"):
        yield "rerun of", str(origin["rerun_of"])
    if origin.get("purpose"):
        yield "purpose", str(origin["purpose"])
    if origin.get("expected_outcome"):
        yield "expected", str(origin["expected_outcome"])
    if origin.get("scheduler"):
        yield "policy", _policy(origin)
    if origin.get("suggestion"):
        yield "suggested", _suggestion(origin)
    if origin.get("launcher"):
        image = f" in {origin['image']}" if origin.get("image") else ""
        yield "launched", f"{origin['launcher']}{image}, {origin.get('place') or 'place unknown'}"


def _policy(origin: Mapping[str, Any]) -> str:
    scheduler, limits = origin["scheduler"]["name"], origin["limits"]
    held = [
        f"{name.replace('_', ' ')} {value:g}"
        for name, value in limits.items()
        if isinstance(value, (int, float))
    ]
    return f"{origin['strategy']}, scheduler {scheduler}; {', '.join(held)}"


def _suggestion(origin: Mapping[str, Any]) -> str:
    suggestion = origin["suggestion"]
    last = f", the last of {suggestion['last_result']}" if suggestion["last_result"] else ""
    return (
        f"by {origin['searcher']['name']} as number {suggestion['number']}, from "
        f"{suggestion['results']} results and {suggestion['reports']} reports{last} "
        f"(journal through {suggestion['seen_through']})"
    )
