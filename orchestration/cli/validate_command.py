"""`sweepworks validate`: all problems of a sweep file at once."""

from pathlib import Path

import click

from orchestration.cli.output import json_option, print_json
from orchestration.submission import check_file
from sweeps.errors import InvalidSweepFile
from sweeps.spaces import SearchSpace
from sweeps.sweep_files import warnings


@click.command("validate")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def command(file: Path, as_json: bool) -> None:
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
    if as_json:
        print_json({"valid": True, "warnings": notes, "digest": spec.digest()})
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


def _configurations(space: SearchSpace) -> str:
    if (size := space.size()) is not None:
        return f"{size} configurations"
    bound = space.bound()
    return "endlessly many configurations" if bound is None else f"at most {bound} configurations"
