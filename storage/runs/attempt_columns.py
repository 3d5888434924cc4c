"""Attempts as columns of their rows."""

from collections.abc import Sequence

from sweeps.trials import Attempt


def attempt_columns(attempts: Sequence[Attempt]) -> dict[str, object]:
    """What ``update_attempts`` takes."""
    exits = [attempt.exit for attempt in attempts]
    return {
        "attempt_ids": [a.attempt_id for a in attempts],
        "states": [str(a.state) for a in attempts],
        "started_ats": [a.started_at for a in attempts],
        "ended_ats": [a.ended_at for a in attempts],
        "exit_reasons": [e and str(e.reason) for e in exits],
        "exit_codes": [e and e.code for e in exits],
        "exit_signals": [e and e.signal for e in exits],
        "messages": [column_text(e.message) if e else "" for e in exits],
        "nodes": [column_text(a.node) for a in attempts],
        "gpus": [",".join(a.gpus) for a in attempts],
        "images": [column_text(a.image) for a in attempts],
        "scheduled_ats": [a.scheduled_at for a in attempts],
        "gpu_models": [column_text(a.gpu_model) for a in attempts],
        "gpu_counts": [a.gpu_count for a in attempts],
        "capacities": [a.capacity for a in attempts],
        "regions": [column_text(a.region) for a in attempts],
        "instance_types": [column_text(a.instance_type) for a in attempts],
    }


def column_text(text: str) -> str:
    """What a column can hold: no NUL bytes or halves of characters, which broken scripts print."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\x00", "\N{REPLACEMENT CHARACTER}")
