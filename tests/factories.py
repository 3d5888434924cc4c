"""Specs, trials and their kin with defaults, so that a test names only what it is about."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sweeps import ids
from sweeps.ids import RunId, SweepId
from sweeps.journal import History, Journal
from sweeps.objectives import Direction, Objective
from sweeps.places import Place
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.spaces import Configuration, Float, Parameter, SearchSpace
from sweeps.specs import (
    Limits,
    SchedulerSpec,
    SearcherSpec,
    StrategySpec,
    SweepSpec,
    TrialSpec,
)
from sweeps.states import AttemptState, ExitReason, RunState
from sweeps.trials import Attempt, ConcludedTrial, Exit, Report, Suggestion, Trial

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SWEEP = SweepId("digits-aaaaaaaa")
HERE = Place(key="here", name="home /here on host here")
THERE = Place(key="there", name="home /there on host there")
LOSS = Objective(metric="loss", direction=Direction.MINIMIZE)
SCORE = Objective(metric="score", direction=Direction.MAXIMIZE)


def seconds(number: float) -> dt.timedelta:
    return dt.timedelta(seconds=number)


def at(number: float) -> dt.datetime:
    """The instant that many seconds after every test's beginning."""
    return START + seconds(number)


def a_space(**parameters: Parameter) -> SearchSpace:
    return SearchSpace(parameters=parameters or {"x": Float(low=0.0, high=1.0)})


def some_limits(**changes: Any) -> Limits:
    defaults: dict[str, Any] = {"max_trials": 6, "max_parallel": 2}
    return Limits(**{**defaults, **changes})


def a_spec(
    *,
    strategy: str = "random",
    space: SearchSpace | None = None,
    objective: Objective = LOSS,
    initial_points: int = 3,
    points_per_parameter: int = 3,
    seed: int = 7,
    experiment: str = "digits",
    tenant: str = "default",
    trial: TrialSpec | None = None,
    scheduler: SchedulerSpec | None = None,
    **limits: Any,
) -> SweepSpec:
    return SweepSpec(
        experiment=experiment,
        owner="me",
        purpose="To see whether it works.",
        tenant=tenant,
        objective=objective,
        space=space or a_space(),
        limits=some_limits(**limits),
        trial=trial or TrialSpec(command=("python", "train.py")),
        strategy=StrategySpec(
            name=strategy,
            searcher=SearcherSpec(
                name=_searcher_name(strategy),
                initial_points=initial_points,
                points_per_parameter=points_per_parameter,
            ),
            scheduler=scheduler or _scheduler(strategy),
        ),
        seed=seed,
    )


def _searcher_name(strategy: str) -> str:
    return {
        "asha": "random", "hyperband": "random", "median_stopping": "random", "bohb": "bayes",
    }.get(strategy, strategy)  # fmt: skip


def _scheduler(strategy: str) -> SchedulerSpec:
    name = {
        "asha": "asha", "hyperband": "hyperband", "median_stopping": "median_stopping",
        "bohb": "hyperband",
    }.get(strategy, "none")  # fmt: skip
    return SchedulerSpec(name=name, max_resource=27 if name in {"asha", "hyperband"} else None)


def a_run_id(number: int = 1) -> RunId:
    return ids.run_id(SWEEP, number)


def a_trial(number: int = 1, *, sweep_id: SweepId = SWEEP, **changes: Any) -> Trial:
    defaults: dict[str, Any] = {
        "run_id": ids.run_id(sweep_id, number),
        "number": number,
        "configuration": {"x": number / 100},
        "seed": 1000 + number,
    }
    state = changes.get("state", RunState.PENDING)
    if state is not RunState.PENDING:
        defaults["started_at"] = at(0)
    if state.is_terminal:
        defaults["ended_at"] = at(10)
    return Trial(**{**defaults, **changes})


def an_attempt(
    run: int = 1, number: int = 1, *, sweep_id: SweepId = SWEEP, **changes: Any
) -> Attempt:
    run_id = ids.run_id(sweep_id, run)
    defaults: dict[str, Any] = {
        "attempt_id": ids.attempt_id(run_id, number),
        "run_id": run_id,
        "number": number,
        "created_at": at(0),
    }
    if changes.get("state", AttemptState.PENDING) is not AttemptState.PENDING:
        defaults["started_at"] = at(1)
    return Attempt(**{**defaults, **changes})


def a_suggestion(
    number: int = 1,
    *,
    sequence: int | None = None,
    seen_through: int = 0,
    configuration: Configuration | None = None,
) -> Suggestion:
    return Suggestion(
        number=number,
        configuration={"x": number / 100} if configuration is None else configuration,
        sequence=number if sequence is None else sequence,
        seen_through=seen_through,
    )


def a_report(run: int = 1, level: int = 1, value: float = 0.5, **changes: Any) -> Report:
    defaults: dict[str, Any] = {
        "run_id": a_run_id(run),
        "resource_level": level,
        "value": value,
        "reported_at": at(level),
    }
    return Report(**{**defaults, **changes})


def an_exit(reason: ExitReason = ExitReason.COMPLETED, **changes: Any) -> Exit:
    return Exit(reason=reason, **changes)


def a_status(phase: AttemptPhase = AttemptPhase.RUNNING, **changes: Any) -> AttemptStatus:
    defaults: dict[str, Any] = {
        "attempt_id": ids.attempt_id(a_run_id(), 1),
        "phase": phase,
        "started_at": at(0),
    }
    return AttemptStatus(**{**defaults, **changes})


def a_history(
    observed: Sequence[tuple[Configuration, float | None]] = (),
    pending: Sequence[Configuration] = (),
    *,
    objective: Objective = LOSS,
) -> History:
    """What a searcher knows after these results, as reported; None is a failure."""
    journal = Journal(objective)
    asked = [*(configuration for configuration, _ in observed), *pending]
    for number, configuration in enumerate(asked, start=1):
        journal.ask(a_suggestion(number, configuration=configuration))
    for number, (_, value) in enumerate(observed, start=1):
        journal.tell(ConcludedTrial(number=number, sequence=len(asked) + number, value=value))
    return journal.history()
