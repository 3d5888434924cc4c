"""`sweepworks logs`: what a trial printed, live or afterwards."""

import sys
import time

import click

from orchestration.cli.session import session
from orchestration.cli.targets import find_target
from sweeps import ids
from sweeps.errors import RunNotFound
from sweeps.ids import AttemptId


@click.command("logs")
@click.argument("name")
@click.option("--trial", type=int, help="Trial of the sweep, by number.")
@click.option("--attempt", type=click.IntRange(1), help="Which execution; the last by default.")
@click.option("--stderr", is_flag=True, help="Only stderr; both streams by default.")
@click.option("--stdout", is_flag=True, help="Only stdout.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the trial ends.")
def command(
    name: str, trial: int | None, attempt: int | None, stderr: bool, stdout: bool, follow: bool
) -> None:
    """NAME is a run, or a sweep together with --trial."""
    streams = [
        s for s, only in (("stdout", stdout), ("stderr", stderr)) if only or stdout == stderr
    ]
    with session(quiet=True) as platform:
        snapshot, chosen = find_target(platform, name, trial)
        if chosen is None:
            raise click.UsageError(f"{name!r} is a sweep; add --trial N")
        attempts = [a.number for a in snapshot.attempts if a.run_id == chosen.run_id]
        number = attempt or max(attempts, default=1)
        if number not in attempts:
            raise RunNotFound(f"{chosen.run_id}-a{number}")
        attempt_id = AttemptId(ids.attempt_id(chosen.run_id, number))
        offsets = dict.fromkeys(streams, 0)
        while True:
            live = follow and attempt_id in platform.live_attempts(
                snapshot.sweep.sweep_id, [attempt_id]
            )
            for stream in streams:
                chunk = platform.launcher.read(attempt_id, stream, offset=offsets[stream])
                offsets[stream] += len(chunk)
                out = sys.stderr if stream == "stderr" else sys.stdout
                out.buffer.write(chunk)
                out.buffer.flush()
            if not live:
                return
            time.sleep(0.5)
