"""`sweepworks export`: every trial, for a spreadsheet or a notebook."""

import csv
import io
from pathlib import Path

import click

from orchestration.cli.output import json_option, print_json
from orchestration.cli.report import seconds, sweep_report
from orchestration.cli.session import session
from sweeps.ids import SweepId
from sweeps.trials import SweepSnapshot


@click.command("export")
@click.argument("sweep")
@click.option("--csv", "as_csv", is_flag=True, help="CSV, the default.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file.")
@json_option
def command(sweep: str, as_csv: bool, output: Path | None, as_json: bool) -> None:
    """All trials of SWEEP: state, objective, seconds, parameters."""
    if as_csv and as_json:
        raise click.UsageError("--csv or --json, not both")
    with session(quiet=True) as platform:
        snapshot = platform.trial_store.load(SweepId(sweep))
    if as_json:
        print_json(sweep_report(snapshot)["trials"])
        return
    text = trials_csv(snapshot)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8", newline="")
        click.echo(f"wrote {len(snapshot.trials)} trials to {output}", err=True)


def trials_csv(snapshot: SweepSnapshot) -> str:
    """A header and a line a trial; parameters keep their names, with `param.` before them."""
    parameters = list(snapshot.sweep.spec.space.parameters)
    metric = snapshot.sweep.spec.objective.metric
    busy = snapshot.busy_seconds()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "trial",
            "run",
            "state",
            "reason",
            metric,
            "resource_level",
            "seconds",
            "seed",
            "started_at",
        ]
        + [f"param.{name}" for name in parameters]
    )
    for trial in snapshot.trials:
        writer.writerow(
            [
                trial.number,
                trial.run_id,
                str(trial.state),
                trial.reason,
                trial.objective,
                trial.resource_level,
                seconds(busy, trial),
                trial.seed,
                trial.started_at.isoformat() if trial.started_at else "",
                *(trial.configuration.get(name, "") for name in parameters),
            ]
        )
    return out.getvalue()
