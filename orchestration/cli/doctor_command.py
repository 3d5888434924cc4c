"""`sweepworks doctor`: what is there, what is wrong, how to mend it."""

import click

from orchestration.cli.finding_lines import tell
from orchestration.cli.output import json_option
from orchestration.doctor import examine


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Versions, database, disk, what is reachable, what is wrong and how to mend it.

    Exits with 1 when something is wrong.
    """
    tell(examine(), as_json=as_json)
