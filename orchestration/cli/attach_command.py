"""`sweepworks attach`: follow a sweep that is on its way, or get one going again."""

import click

from orchestration.cli.follow import follow
from orchestration.cli.output import json_option
from orchestration.cli.session import session
from sweeps.ids import SweepId


@click.command("attach")
@click.argument("sweep")
@json_option
def command(sweep: str, as_json: bool) -> None:
    """Follow SWEEP; a controller that was lost is started again and adopts live trials."""
    with session(quiet=as_json) as platform:
        from orchestration.starting import start_controller

        platform.catalog.get(SweepId(sweep))
        if platform.catalog.claim(SweepId(sweep)) is not None:
            start_controller(platform, SweepId(sweep))
        follow(platform, SweepId(sweep), as_json=as_json)
