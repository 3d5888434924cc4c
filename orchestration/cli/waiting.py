"""What commands do for sweeps that wait for others, where no daemon does it."""

from collections.abc import Sequence

import click

from orchestration.platform import Platform
from sweeps.waits import Wait, wait_words

#: Of `submit` and `run`.
after_option = click.option(
    "--after",
    multiple=True,
    metavar="SWEEP",
    help="Start only when SWEEP has succeeded; may be given several times.",
)


def look_at_waiting(platform: Platform) -> None:
    """Look after other sweeps of the home now, and say what came of it."""
    if not platform.has_daemon:
        from orchestration.left_sweeps import LeftSweeps

        for line in LeftSweeps(platform).look():
            click.echo(line, err=True)


def print_waits(waits: Sequence[Wait]) -> None:
    """Say what a sweep waits for that was just submitted."""
    if waits:
        click.echo(f"it waits for {wait_words(waits)}", err=True)
