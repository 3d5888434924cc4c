"""What trials wait for before they are admitted, in words."""

import datetime as dt
from collections.abc import Mapping

from orchestration.cli.output import duration
from sweeps.ids import RunId
from sweeps.ports import Admission


def wait_lines(waits: Mapping[RunId, Admission]) -> list[tuple[str, str]]:
    """A line for the first of them, by place, and one that counts the others."""
    if not waits:
        return []
    first = min(waits.values(), key=lambda wait: (wait.place is None, wait.place or 0))
    words = [first.reason or "nobody has looked yet"]
    if first.place is not None:
        words.append(f"place {first.place} in the queue")
    if first.starts_at is not None:
        seconds = (first.starts_at - dt.datetime.now(dt.UTC)).total_seconds()
        words.append(f"starts in about {duration(max(seconds, 0.0))}")
    lines = [("waits", "; ".join(words))]
    if len(waits) > 1:
        lines.append(("", f"and {len(waits) - 1} more trials wait behind it"))
    return lines
