"""`sweepworks best`."""

import click

from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.report import leaderboard, ranked, trial_document
from orchestration.cli.session import session
from sweeps.ids import SweepId


@click.command("best")
@click.argument("sweep")
@click.option("-n", "--number", type=click.IntRange(1, 1000), default=1, show_default=True)
@json_option
def command(sweep: str, number: int, as_json: bool) -> None:
    """The best trials of SWEEP and their configurations."""
    with session(quiet=as_json) as platform:
        snapshot = platform.trial_store.load(SweepId(sweep))
    trials = ranked(snapshot)[:number]
    if as_json:
        busy = snapshot.busy_seconds()
        print_json([trial_document(trial, busy=busy) for trial in trials])
    elif trials:
        print_table(*leaderboard(snapshot, limit=number))
    else:
        click.echo(f"no trial of {sweep} has a result yet")
