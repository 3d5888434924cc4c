"""`sweepworks run`: submit and follow."""

from pathlib import Path

import click

from orchestration.cli.follow import follow
from orchestration.cli.forecast_lines import print_forecast
from orchestration.cli.hints import print_hints, print_notes
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import import_dagster_meanwhile, session
from orchestration.cli.waiting import after_option, print_waits
from orchestration.submission import notes, resemblances, submission, submit


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@after_option
@click.option("--detach", is_flag=True, help="Start it and return; `sweepworks attach` follows it.")
@json_option
def command(file: Path, after: tuple[str, ...], detach: bool, as_json: bool) -> None:
    """Run the sweep of FILE and follow it: progress, best so far, what failed.

    Ctrl-C asks whether to detach or to cancel. The end prints where to look further.
    """
    submitted = submission(file=file, after=after)  # a broken file fails before anything starts
    import_dagster_meanwhile()
    with session(quiet=as_json) as platform:
        from orchestration.controllers import Controllers
        from orchestration.left_sweeps import LeftSweeps

        platform.prove_dagster_database()  # before anything is written
        forecast = submit(platform, submitted)
        print_notes(notes(platform, submitted))
        if not as_json:
            print_forecast(forecast)
        print_hints(resemblances(platform, submitted))
        Controllers(platform, submitted.sweep_id).look_after()
        if detach:
            for line in LeftSweeps(platform, besides=[submitted.sweep_id]).look():
                click.echo(line, err=True)
            print_waits(platform.waits.of(submitted.sweep_id).open)
            if as_json:
                print_json({"sweep": submitted.sweep_id})
            else:
                click.echo(submitted.sweep_id)
            return
        follow(platform, submitted.sweep_id, as_json=as_json)
