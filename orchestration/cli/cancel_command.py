"""`sweepworks cancel`."""

import click

from orchestration.cli.output import json_option
from orchestration.cli.requests import ask
from sweeps.states import SweepRequest


@click.command("cancel")
@click.argument("sweep")
@json_option
def command(sweep: str, as_json: bool) -> None:
    """End SWEEP and its trials. What they reported is kept."""
    ask(
        sweep,
        SweepRequest.CANCEL,
        as_json=as_json,
        said="is being cancelled: its trials are asked to end",
    )
