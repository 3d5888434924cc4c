"""`sweepworks resume`."""

import click

from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from sweeps.ids import SweepId
from sweeps.states import SweepRequest


@click.command("resume")
@click.argument("sweep")
@json_option
def command(sweep: str, as_json: bool) -> None:
    """Go on with a paused SWEEP."""
    with session(quiet=as_json) as platform:
        platform.catalog.request(SweepId(sweep), SweepRequest.RUN)
        from orchestration.starting import ensure_controller

        ensure_controller(platform, SweepId(sweep))
    if as_json:
        print_json({"sweep": sweep, "requested": str(SweepRequest.RUN)})
    else:
        click.echo(f"{sweep} goes on")
