"""`sweepworks simulate`: which strategy would search best, before anything is trained."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click

from orchestration.cli.asked_strategies import FLOOR, asked_strategies
from orchestration.cli.curve_sources import CurveSource, find_curves
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.simulation_report import chart, document, steps_csv, table
from orchestration.submission import check_file
from sweeps.simulation.comparison import compare
from sweeps.simulation.simulated_run import SimulatedRun
from sweeps.specs import SweepSpec


@click.command("simulate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--strategy",
    "asked",
    multiple=True,
    help="A name, or a mapping as in a sweep file: '{name: asha, variant: promotion}'. Repeat it "
    "to compare several. The file's own and random when left out.",
)
@click.option(
    "--curves",
    help="A sweep, or a CSV of trial, parameters, level, value, seconds. Earlier sweeps of the "
    "experiment when left out.",
)
@click.option("--problem", help="Curves from module:factory, found from the working directory.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option(
    "--evaluations",
    type=click.IntRange(1, 1_000_000),
    help="Let each spend as much as so many whole trainings, instead of max_trials.",
)
@click.option(
    "--from-scratch", is_flag=True, help="Promoted trials train anew: there are no checkpoints."
)
@click.option(
    "--csv", "output", type=click.Path(dir_okay=False, path_type=Path), help="Every step, as CSV."
)
@json_option
def command(
    file: Path,
    asked: tuple[str, ...],
    curves: str | None,
    problem: str | None,
    seeds: int,
    evaluations: int | None,
    from_scratch: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Compare strategies for the sweep in FILE on known learning curves, in simulated time.

    Regret is how much worse the best fully trained configuration is than the best one known.
    """
    if curves is not None and problem is not None:
        raise click.UsageError("--curves or --problem, not both")
    spec = check_file(file)
    source = find_curves(spec, curves=curves, problem=problem)
    strategies = asked_strategies(spec, asked, source.levels)
    for note in _notes(spec, source):
        click.echo(note, err=True)
    with _progress(len(strategies) * seeds) as on_run:
        comparison = compare(
            spec,
            strategies,
            source.curves,
            source.levels,
            seeds=seeds,
            evaluations=evaluations,
            reference=source.reference,
            goal_strategy=FLOOR if FLOOR in strategies else None,
            resume_from_checkpoint=not from_scratch,
            on_run=on_run,
        )
    if output is not None:
        output.write_text(steps_csv(comparison), encoding="utf-8", newline="")
        click.echo(f"wrote {output}", err=True)
    if as_json:
        print_json({"curves": source.description, "seeds": seeds, **document(comparison)})
        return
    print_table(*table(comparison))
    for line in chart(comparison):
        click.echo(line)


def _notes(spec: SweepSpec, source: CurveSource) -> list[str]:
    """What one should know before one believes the figures."""
    notes = [f"curves of {source.description}"]
    asked = spec.strategy.scheduler.max_resource
    if asked is not None and asked != source.levels[-1]:
        notes.append(
            f"note: the file's max_resource is {asked}, the curves end at {source.levels[-1]}"
        )
    if len(source.levels) == 1:
        notes.append("note: the curves have one level; nothing can be stopped early")
    return notes


@contextmanager
def _progress(count: int) -> Generator[Callable[[SimulatedRun], None], None, None]:
    """A bar on stderr while it works; nothing where nobody looks."""
    last: list[SimulatedRun] = []
    with click.progressbar(
        length=count,
        label="simulating",
        file=sys.stderr,
        item_show_func=lambda _: f"{last[-1].strategy}, seed {last[-1].seed}" if last else None,
    ) as bar:

        def on_run(run: SimulatedRun) -> None:
            last.append(run)
            bar.update(1)

        yield on_run
