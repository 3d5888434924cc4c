"""What trials wait for before they are admitted, and sweeps before they start, in words."""

import datetime as dt
from collections.abc import Mapping

from orchestration.cli.output import duration
from sweeps.ids import RunId
from sweeps.ports import Admission
from sweeps.states import SweepRequest, SweepState
from sweeps.trials import Sweep
from sweeps.waits import Waits, wait_words


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


def after_lines(waits: Waits, sweep: Sweep) -> list[tuple[str, str]]:
    """What a sweep waits for, or has waited for, and what waits for it."""
    lines: list[tuple[str, str]] = []
    is_waiting = sweep.state is SweepState.SUBMITTED
    if is_waiting and waits.open:
        lines.append(("waits for", wait_words(waits.open)))
    ended = [wait for wait in waits.waits_for if wait.is_met or not is_waiting]
    if ended:
        lines.append(("after", wait_words(ended)))
    if is_waiting and waits.waits_for and sweep.requested is SweepRequest.PAUSE:
        lines.append(("paused", f"`sweepworks resume {sweep.sweep_id}` lets it start"))
    if waits.awaited_by:
        lines.append(("awaited by", wait_words(waits.awaited_by)))
    return lines


def before_start(requested: SweepRequest, sweep: Sweep, waits: Waits) -> str | None:
    """What becomes of a sweep that has not started, and has no trials, by a request that is written.

    None: it has started, or does so at once.
    """
    if requested is SweepRequest.CANCEL:
        is_over = sweep.state is SweepState.CANCELLED and sweep.started_at is None
        return "is cancelled: it had not started" if is_over else None
    if sweep.state is not SweepState.SUBMITTED or not waits.waits_for:
        return None
    if requested is SweepRequest.PAUSE:
        resume = f"`sweepworks resume {sweep.sweep_id}`"
        return f"rests: it does not start before {resume}, whatever it waits for has ended"
    return f"waits for {wait_words(waits.open)}" if waits.open else None
