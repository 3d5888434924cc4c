"""`sweepworks logs`: what a trial printed, live or afterwards."""

import sys
import time

import click

from orchestration.cli.session import session
from orchestration.cli.targets import find_target
from sweeps import ids
from sweeps.errors import PermanentError, RunNotFound
from sweeps.ids import AttemptId
from sweeps.ports import LogReader

_PIECE_BYTES = 1 << 20
_LOOK_SECONDS = 0.5


@click.command("logs")
@click.argument("name")
@click.option("--trial", type=int, help="Trial of the sweep, by number.")
@click.option("--attempt", type=click.IntRange(1), help="Which execution; the last by default.")
@click.option("--stderr", is_flag=True, help="Only stderr; both streams by default.")
@click.option("--stdout", is_flag=True, help="Only stdout.")
@click.option("-n", "--tail", type=click.IntRange(0), help="Only so many last lines of each.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the trial ends.")
def command(
    name: str,
    trial: int | None,
    attempt: int | None,
    stderr: bool,
    stdout: bool,
    tail: int | None,
    follow: bool,
) -> None:
    """NAME is a run, or a sweep together with --trial."""
    streams = [
        s for s, only in (("stdout", stdout), ("stderr", stderr)) if only or stdout == stderr
    ]
    with session(quiet=True) as platform:
        snapshot, chosen = find_target(platform, name, trial)
        if chosen is None:
            raise click.UsageError(f"{name!r} is a sweep; add --trial N")
        attempts = [a for a in snapshot.attempts if a.run_id == chosen.run_id]
        number = attempt or max((a.number for a in attempts), default=1)
        attempt_id = AttemptId(ids.attempt_id(chosen.run_id, number))
        found = next((a for a in attempts if a.number == number), None)
        if found is None:
            raise RunNotFound(attempt_id)
        sweep = snapshot.sweep
        if found.started_at is not None and not platform.logs.exists(attempt_id):
            where = f"it ran in {sweep.place}" if sweep.place else "its files are gone"
            raise PermanentError(f"there is no output of {attempt_id} here; {where}")
        offsets = dict.fromkeys(streams, 0)
        if tail is not None:
            offsets = {s: platform.logs.tail(attempt_id, s, lines=tail) for s in streams}
        while True:
            # First this look, then the output: what it prints at last is not missed.
            live = follow and attempt_id in platform.live_attempts(sweep.sweep_id, [attempt_id])
            for stream in streams:
                offsets[stream] = _print(platform.logs, attempt_id, stream, offsets[stream])
            if not live:
                return
            time.sleep(_LOOK_SECONDS)


def _print(logs: LogReader, attempt_id: AttemptId, stream: str, offset: int) -> int:
    """All there is from `offset` on; gives where it ends."""
    out = (sys.stderr if stream == "stderr" else sys.stdout).buffer
    while piece := logs.read(attempt_id, stream, offset=offset, limit=_PIECE_BYTES):
        out.write(piece)
        offset += len(piece)
    out.flush()
    return offset
