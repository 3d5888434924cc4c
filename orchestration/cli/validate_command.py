"""`sweepworks validate`: all problems of a sweep file at once."""

import secrets
from pathlib import Path

import click

from governance.budgets.forecasts import Forecast
from orchestration.cli.forecast_lines import forecast_document, print_forecast
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.submission import check_file
from sweeps.errors import InvalidSweepFile
from sweeps.ids import sweep_id
from sweeps.spaces import SearchSpace
from sweeps.specs import SweepSpec
from sweeps.sweep_files import warnings


@click.command("validate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--forecast", "asks", is_flag=True, help="Say also what it will cost.")
@json_option
def command(file: Path, asks: bool, as_json: bool) -> None:
    """Check FILE without running anything."""
    try:
        spec = check_file(file)
    except InvalidSweepFile as exc:
        if as_json:
            print_json({"valid": False, "problems": exc.problems})
        else:
            click.echo(str(exc), err=True)
            count = len(exc.problems)
            click.echo(f"{count} problem{'s' if count > 1 else ''}", err=True)
        raise click.exceptions.Exit(1) from exc
    notes = warnings(spec)
    forecast = _forecast(spec, quiet=as_json) if asks else None
    if as_json:
        cost = {} if forecast is None else {"forecast": forecast_document(forecast)}
        print_json({"valid": True, "warnings": notes, "digest": spec.digest(), **cost})
        return
    for note in notes:
        click.echo(f"note: {note}", err=True)
    parts = {spec.strategy.name, spec.strategy.searcher.name, spec.strategy.scheduler.name}
    others = " and ".join(sorted(parts - {spec.strategy.name, "none"}))
    click.echo(
        f"{file}: good. {spec.strategy.name}{f' ({others})' if others else ''} over "
        f"{len(spec.space.parameters)} parameters ({_configurations(spec.space)}), "
        f"{spec.limits.max_trials} trials, {spec.limits.max_parallel} at a time."
    )
    if forecast is not None:
        print_forecast(forecast)


def _forecast(spec: SweepSpec, *, quiet: bool) -> Forecast:
    """Of what was learnt here; starts the services for it. `OverBudget`."""
    name = sweep_id(spec.experiment, entropy=secrets.token_bytes(5))
    with session(quiet=quiet) as platform:
        return platform.budget_gate.check(name, spec)


def _configurations(space: SearchSpace) -> str:
    if (size := space.size()) is not None:
        return f"{size} configurations"
    bound = space.bound()
    return "endlessly many configurations" if bound is None else f"at most {bound} configurations"
