"""`sweepworks down`: nothing left running."""

import click

from orchestration import services
from orchestration.settings import Settings


@click.command("down")
def command() -> None:
    """Stop database, gateway and UI of this home now, whoever uses them.

    Trials that run go on and keep what they log; the next command finds them again.
    """
    stopped = services.down(Settings.from_environment())
    click.echo("stopped" if stopped else "nothing was running")
