"""What `pause`, `resume` and `cancel` share: a request in the sweep's row, and somebody to act."""

import click

from orchestration.cli.output import print_json
from orchestration.cli.session import session
from orchestration.cli.wait_lines import before_start
from orchestration.cli.waiting import look_at_waiting
from sweeps.errors import RunsElsewhere
from sweeps.ids import SweepId
from sweeps.states import SweepRequest


def ask(sweep: str, requested: SweepRequest, *, as_json: bool, said: str) -> None:
    """Write the request down, see to it that a controller is there for it, and say so.

    Args:
        said: What becomes of a sweep that has started.
    """
    with session(quiet=as_json) as platform:
        platform.catalog.request(SweepId(sweep), requested)
        row = platform.catalog.get(SweepId(sweep))
        said = before_start(requested, row, platform.waits.of(row.sweep_id)) or said
        if requested is not SweepRequest.PAUSE:  # a sweep without a controller rests already
            from orchestration.controllers import Controllers

            try:
                Controllers(platform, SweepId(sweep)).begin()
            except RunsElsewhere as exc:  # it reads the request there
                click.echo(f"note: {exc}", err=True)
        if requested is SweepRequest.CANCEL:
            look_at_waiting(platform)
    if as_json:
        print_json({"sweep": sweep, "requested": str(requested)})
    else:
        click.echo(f"{sweep} {said}")
