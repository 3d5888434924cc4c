"""`sweepworks pause`."""

import click

from orchestration.cli.output import json_option
from orchestration.cli.requests import ask
from sweeps.states import SweepRequest


@click.command("pause")
@click.argument("sweep")
@json_option
def command(sweep: str, as_json: bool) -> None:
    """Let live trials of SWEEP end and start no new ones; `sweepworks resume` goes on."""
    ask(
        sweep,
        SweepRequest.PAUSE,
        as_json=as_json,
        said="will pause: live trials end, no new ones start",
    )
