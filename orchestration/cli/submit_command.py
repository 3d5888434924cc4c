"""`sweepworks submit`: write the sweep down and go."""

from pathlib import Path

import click

from orchestration.cli.forecast_lines import forecast_document, print_forecast
from orchestration.cli.hints import print_hints, print_notes
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.cli.waiting import after_option, print_waits
from orchestration.platform import Platform
from orchestration.submission import notes, submit


@click.command("submit")
@click.argument("file", type=click.Path(path_type=Path))
@after_option
@json_option
def command(file: Path, after: tuple[str, ...], as_json: bool) -> None:
    """Submit FILE; the daemon of `sweepworks up` starts it within seconds."""
    from orchestration.submission import resemblances, submission

    submitted = submission(file=file, after=after)
    with session(quiet=as_json) as platform:
        forecast = submit(platform, submitted)
        alike = resemblances(platform, submitted)
        daemon = platform.webserver_url is not None
        told = notes(platform, submitted)
        left = [] if daemon else _left(platform)
        waits = platform.waits.of(submitted.sweep_id).open
    for line in left:
        click.echo(line, err=True)
    if as_json:
        print_json(
            {
                "sweep": submitted.sweep_id,
                "daemon": daemon,
                "waits_for": waits,
                "resembles": alike,
                "forecast": forecast_document(forecast),
                "warnings": told,
            }
        )
        return
    print_notes(told)
    print_forecast(forecast)
    click.echo(f"submitted {submitted.sweep_id}")
    print_hints(alike)
    print_waits(waits)
    if not daemon:
        click.echo(
            "no `sweepworks up` is running here to start it; if no other Dagster daemon does"
            f"{' by then' if waits else ''}: sweepworks attach {submitted.sweep_id}",
            err=True,
        )


def _left(platform: Platform) -> list[str]:
    """What was started that others had left or waited for, without a daemon that does it."""
    claims = platform.claims
    if not (claims.under_way(limit=1) or claims.due(limit=1)):
        return []  # and nothing of Dagster is imported
    from orchestration.left_sweeps import LeftSweeps

    return LeftSweeps(platform).look()
