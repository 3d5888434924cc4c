"""What a name on the command line means: a sweep, or a run of one."""

import re

import click

from orchestration.platform import Platform
from sweeps.errors import RunNotFound, SweepNotFound
from sweeps.ids import SweepId
from sweeps.trials import SweepSnapshot, Trial

_RUN = re.compile(r"(?P<sweep>.+)-(?P<number>\d{5})")


def find_target(
    platform: Platform, name: str, number: int | None
) -> tuple[SweepSnapshot, Trial | None]:
    """The sweep that `name` is of, and the trial when one is meant.

    Raises:
        SweepNotFound: There is no such sweep.
        RunNotFound: There is no such trial in it.
    """
    try:
        snapshot = platform.trial_store.load(SweepId(name))
    except SweepNotFound:
        match = _RUN.fullmatch(name)
        if match is None:
            raise
        if number is not None:
            raise click.UsageError(f"{name!r} is a run; leave out --trial") from None
        snapshot, number = platform.trial_store.load(SweepId(match["sweep"])), int(match["number"])
    if number is None:
        return snapshot, None
    if not 1 <= number <= len(snapshot.trials):
        raise RunNotFound(f"{snapshot.sweep.sweep_id}-{number:05d}")
    return snapshot, snapshot.trials[number - 1]
