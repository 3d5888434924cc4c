"""Where `sweepworks simulate` takes learning curves from."""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from orchestration.cli.session import session
from orchestration.platform import Platform
from orchestration.settings import Settings
from sweeps.ids import SweepId
from sweeps.simulation.curves import Curves, Outcome
from sweeps.simulation.recorded import InvalidCurves, RecordedCurves, RecordedTrial
from sweeps.simulation.recordings import trials_of_csv, trials_of_sweeps
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.trials import SweepSnapshot

_MOST_SWEEPS = 20  # the newest ones say enough
_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class CurveSource:
    """Curves, and what is known about them."""

    curves: Curves
    levels: tuple[int, ...]  #: ascending; the last one is a whole training
    reference: float | None  #: the best value there is, None when nobody knows
    description: str


def find_curves(spec: SweepSpec, *, curves: str | None, problem: str | None) -> CurveSource:
    """Curves by what the command line says; else those of earlier sweeps of the experiment.

    Raises:
        InvalidCurves: There are none.
    """
    if problem is not None:
        return of_problem(problem)
    if curves is not None and (Path(curves).exists() or curves.endswith(".csv")):
        return of_csv(Path(curves), spec)
    _require_home(spec)
    with session(quiet=True) as platform:
        if curves is not None:
            snapshots = [platform.trial_store.load(SweepId(curves))]
        else:
            snapshots = earlier_sweeps(platform, spec)
    return of_sweeps(snapshots, spec)


def of_csv(file: Path, spec: SweepSpec) -> CurveSource:
    """Curves of a table."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise InvalidCurves(f"{file} cannot be read: {reason}") from exc
    return _of_trials(trials_of_csv(text, spec.space, source=str(file)), spec, str(file))


def of_sweeps(snapshots: Sequence[SweepSnapshot], spec: SweepSpec) -> CurveSource:
    """Curves of finished, or running, sweeps."""
    for snapshot in snapshots:
        theirs = snapshot.sweep.spec.objective
        if theirs != spec.objective:
            raise InvalidCurves(
                f"{snapshot.sweep.sweep_id} {theirs.direction}s {theirs.metric}, "
                f"the file {spec.objective.direction}s {spec.objective.metric}"
            )
    names = ", ".join(snapshot.sweep.sweep_id for snapshot in snapshots)
    return _of_trials(trials_of_sweeps(snapshots), spec, names)


def of_problem(name: str) -> CurveSource:
    """The curves that ``module:factory`` makes; see `benchmarks.search` for its form."""
    module, _, factory = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        problem: Any = getattr(importlib.import_module(module), factory)()
        levels = tuple(sorted(int(level) for level in problem.resources))
    except (ImportError, AttributeError, TypeError, ValueError) as exc:
        raise click.BadParameter(f"{name!r}: {exc}", param_hint="'--problem'") from exc
    finally:
        sys.path.remove(str(Path.cwd()))

    def curves(configuration: Configuration, level: int) -> Outcome:
        measured = problem(configuration, level)
        return Outcome(value=float(measured["value"]), seconds=float(measured["seconds"]))

    reference = getattr(problem, "optimum", None)
    return CurveSource(curves=curves, levels=levels, reference=reference, description=name)


def _of_trials(trials: Sequence[RecordedTrial], spec: SweepSpec, where: str) -> CurveSource:
    recorded = RecordedCurves(spec.space, trials)
    top = recorded.levels[-1]
    return CurveSource(
        curves=recorded,
        levels=recorded.levels,
        reference=recorded.best(spec.objective),
        description=f"{len(trials)} trials of {where}, {recorded.n_whole} of them to level {top}",
    )


def earlier_sweeps(platform: Platform, spec: SweepSpec) -> list[SweepSnapshot]:
    """Those of the experiment with results, the newest first.

    Raises:
        InvalidCurves: There are none.
    """
    found: list[SweepSnapshot] = []
    before: int | None = None
    while len(found) < _MOST_SWEEPS:
        rows = platform.catalog.list(tenant_id=spec.tenant, before=before, limit=_PAGE)
        for row in rows:
            objective = (row.experiment, row.metric, row.direction)
            ours = (spec.experiment, spec.objective.metric, str(spec.objective.direction))
            if objective == ours and row.completed and len(found) < _MOST_SWEEPS:
                found.append(platform.trial_store.load(row.sweep_id))
        if len(rows) < _PAGE:
            break
        before = rows[-1].log_position
    if not found:
        raise _no_curves(spec)
    return found


def _require_home(spec: SweepSpec) -> None:
    """Before a database is started only to find it empty."""
    settings = Settings.from_environment()
    if settings.is_embedded and not settings.home.folder.exists():
        raise _no_curves(spec)


def _no_curves(spec: SweepSpec) -> InvalidCurves:
    return InvalidCurves(
        f"there is no earlier sweep of experiment {spec.experiment!r} with results here to take "
        "learning curves from; run a small one first, or give --curves FILE.csv or --problem "
        "module:factory"
    )
