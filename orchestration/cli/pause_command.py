"""`sweepworks pause`."""

import click

from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from sweeps.ids import SweepId
from sweeps.states import SweepRequest


@click.command("pause")
@click.argument("sweep")
@json_option
def command(sweep: str, as_json: bool) -> None:
    """Let live trials of SWEEP end and start no new ones; `sweepworks resume` goes on."""
    with session(quiet=as_json) as platform:
        platform.catalog.request(SweepId(sweep), SweepRequest.PAUSE)
    if as_json:
        print_json({"sweep": sweep, "requested": str(SweepRequest.PAUSE)})
    else:
        click.echo(f"{sweep} will pause: live trials end, no new ones start")
