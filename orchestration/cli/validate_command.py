"""`sweepworks validate`: all problems of a sweep file at once."""

import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from governance.budgets.forecasts import Forecast
from orchestration.cli.forecast_lines import forecast_document, print_forecast
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.launch_notes import launch_notes
from orchestration.policies_at_hand import PolicyLook, look_at_policies, look_on_platform
from orchestration.settings import Settings
from orchestration.submission import read_file
from sweeps.errors import InvalidSweepFile
from sweeps.ids import sweep_id
from sweeps.spaces import SearchSpace
from sweeps.specs import SweepSpec
from sweeps.sweep_files import key_lines, warnings


@click.command("validate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--forecast", "asks", is_flag=True, help="Say also what it will cost.")
@json_option
def command(file: Path, asks: bool, as_json: bool) -> None:
    """Check FILE without running anything, also against the policies of this installation."""
    forecast: Forecast | None = None
    try:
        spec, text = read_file(file)
        lines = key_lines(text, source=str(file))
        if asks:
            look, forecast = _asked(spec, lines, quiet=as_json)
        else:
            settings, opened = Settings.from_environment(), partial(session, quiet=as_json)
            look = look_at_policies(spec, settings=settings, lines=lines, session=opened)
        if look.problems and look.by_files is not None and not as_json:
            click.echo(f"note: {look.by_files}", err=True)
        look.require_none(source=str(file))
    except InvalidSweepFile as exc:
        if as_json:
            print_json({"valid": False, "problems": exc.problems})
        else:
            click.echo(str(exc), err=True)
            count = len(exc.problems)
            click.echo(f"{count} problem{'s' if count > 1 else ''}", err=True)
        raise click.exceptions.Exit(1) from exc
    notes = [*warnings(spec), *launch_notes(spec, Settings.from_environment())]
    notes += look.notes
    if look.unchecked is not None:
        notes = [*notes, f"policies were not checked: {look.unchecked}"]
    if look.by_files is not None:
        notes = [*notes, look.by_files]
    if as_json:
        cost = {} if forecast is None else {"forecast": forecast_document(forecast)}
        document = {"valid": True, "warnings": notes, "digest": spec.digest(), **cost}
        print_json({**document, "policies_checked": look.unchecked is None})
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


def _asked(
    spec: SweepSpec, lines: Mapping[str, int], *, quiet: bool
) -> tuple[PolicyLook, Forecast | None]:
    """With what was learnt here; starts the services for it. `OverBudget`."""
    name = sweep_id(spec.experiment, entropy=secrets.token_bytes(5))
    with session(quiet=quiet) as platform:
        look = look_on_platform(platform, spec, lines=lines)
        return look, None if look.problems else platform.budget_gate.check(name, spec)


def _configurations(space: SearchSpace) -> str:
    if (size := space.size()) is not None:
        return f"{size} configurations"
    bound = space.bound()
    return "endlessly many configurations" if bound is None else f"at most {bound} configurations"
