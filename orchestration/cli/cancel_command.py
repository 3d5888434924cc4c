"""`sweepworks cancel`."""

import click

from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from sweeps.ids import SweepId
from sweeps.states import SweepRequest


@click.command("cancel")
@click.argument("sweep")
@json_option
def command(sweep: str, as_json: bool) -> None:
    """End SWEEP and its trials. What they reported is kept."""
    with session(quiet=as_json) as platform:
        platform.catalog.request(SweepId(sweep), SweepRequest.CANCEL)
        from orchestration.starting import ensure_controller

        ensure_controller(platform, SweepId(sweep))
    if as_json:
        print_json({"sweep": sweep, "requested": str(SweepRequest.CANCEL)})
    else:
        click.echo(f"{sweep} is being cancelled: its trials are asked to end")
