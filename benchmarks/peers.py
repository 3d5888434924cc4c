"""Optuna's samplers on our problems; each is imported when it is asked for."""

import math
from typing import Any

PEERS = ("optuna-tpe", "optuna-gp")


def run_peer(problem: Any, name: str, *, seed: int, evaluations: int) -> list[float | None]:
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
    best: list[float | None] = []
    for _ in range(evaluations):
        trial = study.ask()
        configuration = {
            key: suggest(trial, key, parameter) for key, parameter in problem.space.items()
        }
        value = problem(configuration, problem.resources[-1])["value"]
        if math.isfinite(value):
            study.tell(trial, value)
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        known = [t.value for t in study.get_trials(deepcopy=False) if t.value is not None]
        worst_first = max if problem.direction == "maximize" else min
        best.append(worst_first(known) if known else None)
    return best


def suggest(trial: Any, name: str, parameter: Any) -> Any:
    """One parameter, as Optuna draws it."""
    match parameter["type"]:
        case "float":
            return trial.suggest_float(
                name, parameter["low"], parameter["high"], log=parameter.get("log", False)
            )
        case "int":
            return trial.suggest_int(
                name, parameter["low"], parameter["high"], log=parameter.get("log", False)
            )
        case _:
            return trial.suggest_categorical(name, parameter["choices"])
