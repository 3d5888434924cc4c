"""A sweep as rows and as a document: what `show`, `best`, `export` and `run` print."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sweeps.ids import RunId
from sweeps.search_report import SearchReport, search_report
from sweeps.states import RunState
from sweeps.trials import SweepSnapshot, Trial


def ranked(snapshot: SweepSnapshot) -> list[Trial]:
    """Trials whose objective counts, best first."""
    objective = snapshot.sweep.spec.objective
    return sorted(
        (
            trial
            for trial in snapshot.trials
            if trial.state in {RunState.COMPLETED, RunState.STOPPED}
            and trial.objective is not None
            and math.isfinite(trial.objective)
        ),
        key=lambda trial: (objective.loss(trial.objective or 0.0), trial.number),
    )


def leaderboard(snapshot: SweepSnapshot, *, limit: int) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of the best trials."""
    parameters = list(snapshot.sweep.spec.space.parameters)
    columns = ["trial", snapshot.sweep.spec.objective.metric, "level", "seconds", *parameters]
    busy = snapshot.busy_seconds()
    rows: list[list[object]] = [
        [
            trial.number,
            trial.objective,
            trial.resource_level,
            seconds(busy, trial),
            *(trial.configuration.get(name, "") for name in parameters),
        ]
        for trial in ranked(snapshot)[:limit]
    ]
    return columns, rows


def seconds(busy: Mapping[RunId, float], trial: Trial) -> float | None:
    """How long a trial's ended attempts took; None before the first has ended."""
    found = busy.get(trial.run_id)
    return None if found is None else round(found, 2)


def trial_document(trial: Trial, *, busy: Mapping[RunId, float]) -> dict[str, Any]:
    """One trial, for JSON.

    Args:
        busy: `SweepSnapshot.busy_seconds` of its sweep.
    """
    return {
        "trial": trial.number,
        "run": trial.run_id,
        "state": trial.state,
        "reason": trial.reason,
        "objective": trial.objective,
        "resource_level": trial.resource_level,
        "seconds": seconds(busy, trial),
        "seed": trial.seed,
        "configuration": dict(trial.configuration),
    }


def sweep_report(snapshot: SweepSnapshot) -> dict[str, Any]:
    """A whole sweep, for JSON."""
    sweep, best, busy = snapshot.sweep, ranked(snapshot), snapshot.busy_seconds()
    return {
        "sweep": sweep.sweep_id,
        "state": sweep.state,
        "reason": sweep.reason,
        "experiment": sweep.spec.experiment,
        "tenant": sweep.spec.tenant,
        "owner": sweep.spec.owner,
        "purpose": sweep.spec.purpose,
        "metric": sweep.spec.objective.metric,
        "direction": sweep.spec.objective.direction,
        "created_at": sweep.created_at,
        "started_at": sweep.started_at,
        "ended_at": sweep.ended_at,
        "dagster_run": sweep.dagster_run_id,
        "datasets": [str(dataset) for dataset in snapshot.datasets],
        "trials_by_state": trials_by_state(snapshot.trials),
        "search": asdict(search_report(snapshot)),
        "best": trial_document(best[0], busy=busy) if best else None,
        "trials": [trial_document(trial, busy=busy) for trial in snapshot.trials],
    }


def trials_by_state(trials: Sequence[Trial]) -> dict[str, int]:
    """How many trials are in each state."""
    counts: dict[str, int] = {}
    for trial in trials:
        counts[str(trial.state)] = counts.get(str(trial.state), 0) + 1
    return counts


def search_lines(report: SearchReport) -> list[str]:
    """How the search went, for people; empty when there is nothing worth a line."""
    lines: list[str] = []
    if report.stopped_share:
        lines.append(
            f"{report.stopped_share:.0%} of the time went to trials that were stopped early"
        )
    if report.duplicate_rate:
        lines.append(f"{report.duplicate_rate:.0%} of the trials repeated an earlier configuration")
    lines.extend(
        f"levels {rung.low} and {rung.high} agree by a rank correlation of "
        f"{rung.rank_correlation:.2f} ({rung.n_trials} trials)"
        for rung in report.rungs
        if rung.rank_correlation is not None
    )
    lines.extend(f"warning: {warning}" for warning in report.warnings)
    return lines
