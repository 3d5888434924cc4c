"""`sweepworks attach`: follow a sweep that is on its way, or get one going again."""

import click

from orchestration.cli.follow import follow
from orchestration.cli.output import json_option
from orchestration.cli.session import session
from sweeps.ids import SweepId


@click.command("attach")
@click.argument("sweep")
@click.option(
    "--take-over",
    is_flag=True,
    help="Go on here with a sweep whose host or home is gone for good; trials that run there are "
    "taken for lost and repeated.",
)
@json_option
def command(sweep: str, take_over: bool, as_json: bool) -> None:
    """Follow SWEEP; a controller that was lost is started again and adopts live trials."""
    with session(quiet=as_json) as platform:
        from orchestration.controllers import Controllers

        controllers = Controllers(platform, SweepId(sweep))
        if take_over:
            controllers.take_over()
        if said := controllers.begin():
            click.echo(said, err=True)
        follow(platform, SweepId(sweep), as_json=as_json)
