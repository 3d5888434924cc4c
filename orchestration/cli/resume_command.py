"""`sweepworks resume`."""

import click

from orchestration.cli.output import json_option
from orchestration.cli.requests import ask
from sweeps.states import SweepRequest


@click.command("resume")
@click.argument("sweep")
@json_option
def command(sweep: str, as_json: bool) -> None:
    """Go on with a paused SWEEP."""
    ask(sweep, SweepRequest.RUN, as_json=as_json, said="goes on")
