"""Optuna's samplers on our problems; each is imported when it is asked for."""

import math
from typing import Any

from sweeps.spaces import Categorical, Configuration, Constant, Float, Int, Ordinal, SearchSpace
from sweeps.spaces.conditions import parents_first

PEERS = ("optuna-tpe", "optuna-gp")


_REFUSED_IN_A_ROW = 1000  # suggestions that break a constraint, which these samplers cannot know


def run_peer(
    problem: Any, space: SearchSpace, name: str, *, seed: int, evaluations: int
) -> list[float | None]:
    """Best value after every evaluation to the full resource."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if name == "optuna-gp":
        import torch  # pyright: ignore[reportMissingImports] - only where somebody wants this peer

        torch.set_num_threads(1)
        sampler: Any = optuna.samplers.GPSampler(seed=seed)
    else:
        sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction=problem.direction, sampler=sampler)
    worst_first = max if problem.direction == "maximize" else min
    best: list[float | None] = []
    known: list[float] = []
    for _ in range(evaluations):
        trial, configuration = _ask(study, space)
        value = float(problem(configuration, problem.resources[-1])["value"])
        if math.isfinite(value):
            study.tell(trial, value)
            known.append(value)
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        best.append(worst_first(known) if known else None)
    return best


def _ask(study: Any, space: SearchSpace) -> tuple[Any, Configuration]:
    """A trial of the study, and its configuration; the first that keeps the constraints."""
    import optuna

    for _ in range(_REFUSED_IN_A_ROW):
        trial = study.ask()
        configuration: dict[str, Any] = {}
        for name in parents_first(tuple(space.parameters), space.conditions):
            if space.is_active(name, configuration):
                configuration[name] = _value(trial, name, space)
        if space.allows(configuration):
            return trial, configuration
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    raise RuntimeError(f"{_REFUSED_IN_A_ROW} suggestions in a row broke a constraint")


def _value(trial: Any, name: str, space: SearchSpace) -> Any:
    """One parameter, as Optuna draws it; it knows no priors."""
    match space.parameters[name]:
        case Float(low=low, high=high, log=log, step=step):
            return trial.suggest_float(name, low, high, log=log, step=None if log else step)
        case Int(low=low, high=high, log=log, step=step):
            return trial.suggest_int(name, low, high, log=log, step=1 if log else step)
        case Categorical(choices=choices) | Ordinal(choices=choices):
            return choices[trial.suggest_categorical(name, list(range(len(choices))))]
        case Constant(value=value):
            return value
