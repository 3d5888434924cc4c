"""`sweepworks down`: nothing left running."""

import click

from orchestration.settings import Settings
from orchestration.stopping import down


@click.command("down")
def command() -> None:
    """Stop database, gateway and UI of this home now, whoever uses them.

    Trials that run go on and keep what they log; the next command finds them again.
    """
    stopped = down(Settings.from_environment())
    click.echo("stopped" if stopped else "nothing was running")
