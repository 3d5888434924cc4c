"""`sweepworks list`."""

import click

from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from sweeps.states import SweepState


@click.command("list")
@click.option(
    "--state", type=click.Choice([str(state) for state in SweepState]), help="Only these."
)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
def command(state: str | None, limit: int, as_json: bool) -> None:
    """Sweeps, newest first."""
    with session(quiet=as_json) as platform:
        rows = platform.catalog.list(state=SweepState(state) if state else None, limit=limit)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no sweeps yet; `sweepworks init demo && sweepworks run demo/sweep.yaml`")
        return
    print_table(
        ["sweep", "state", "trials", "failed", "best", "metric", "by", "created"],
        [
            [
                row.sweep_id,
                row.state,
                f"{row.trials - row.live}/{row.max_trials}",
                row.failed,
                row.best,
                row.metric,
                row.created_by,
                row.created_at,
            ]
            for row in rows
        ],
    )
