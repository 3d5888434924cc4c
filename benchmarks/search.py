"""How good a configuration each strategy finds for the same budget.

Every strategy of ours runs through the real controller in simulated time, one trial at a time
unless `--parallel` says otherwise; Optuna's samplers run beside it on the same problems, and plain
random search is the floor. An evaluation is one training to the full resource, or as much resource
in pieces. Seeds are paired: the same number is the same data set, and the same seed of the search.

    python -m benchmarks.search --json
    python -m benchmarks.search --json --problem mine.problems:factory --strategy bayes --seeds 5
"""

import argparse
import importlib
import inspect
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import machine
from benchmarks.peers import PEERS, run_peer
from sweeps.simulation.curves import Outcome
from sweeps.simulation.simulated_sweep import SimulatedSweep, Step
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.sweep_files.sweep_file import parse_document

_DEFAULT_PROBLEMS = {"branin": 50, "hartmann6": 100, "lcdb": 60}  # evaluations
_PROBLEMS = {
    "branin": "benchmarks.problems.functions:branin",
    "hartmann6": "benchmarks.problems.functions:hartmann6",
    "ackley5": "benchmarks.problems.functions:ackley5",
    "rosenbrock4": "benchmarks.problems.functions:rosenbrock4",
    "mixed": "benchmarks.problems.functions:mixed",
    "lcdb": "benchmarks.problems.lcdb:lcdb",
}
_OURS = ("random", "bayes", "asha", "bohb")
_EARLY_STOPPING = frozenset({"asha", "hyperband", "bohb", "median_stopping"})
_FULL_TRIALS = 200  # a multi-fidelity search may start so many times as many trials


def load(name: str, seed: int) -> Any:
    """A problem, by its own name or as ``module:factory``; factories may take the seed."""
    module, _, factory = _PROBLEMS.get(name, name).partition(":")
    make = getattr(importlib.import_module(module), factory)
    return make(seed) if inspect.signature(make).parameters else make()


def a_spec(problem: Any, strategy: str, *, seed: int, evaluations: int, parallel: int) -> SweepSpec:
    """The sweep that searches `problem`."""
    early = strategy in _EARLY_STOPPING
    options: dict[str, Any] = {"name": strategy}
    if early:
        options |= {"max_resource": problem.resources[-1], "min_resource": problem.resources[0]}
    return parse_document(
        {
            "experiment": "benchmark",
            "owner": "nobody",
            "purpose": "Which strategy finds the best for the same budget?",
            "objective": {"metric": problem.metric, "direction": problem.direction},
            "space": {name: dict(parameter) for name, parameter in problem.space.items()},
            "strategy": options,
            "limits": {
                "max_trials": evaluations * (_FULL_TRIALS if early else 1),
                "max_parallel": parallel,
                "max_failures": 1_000_000,
            },
            "trial": {"command": ["true"]},
            "seed": seed,
        }
    )


def run_ours(
    problem: Any, strategy: str, *, seed: int, evaluations: int, parallel: int
) -> list[float | None]:
    """Best value after every evaluation."""

    def curves(configuration: Configuration, level: int) -> Outcome:
        outcome = problem(configuration, level)
        return Outcome(value=outcome["value"], seconds=outcome["seconds"])

    spec = a_spec(problem, strategy, seed=seed, evaluations=evaluations, parallel=parallel)
    sweep = SimulatedSweep(spec, curves, tuple(problem.resources))
    full = problem.resources[-1]
    sweep.run(resource=full * evaluations)
    return by_evaluation(sweep.steps, full, evaluations)


def by_evaluation(steps: Sequence[Step], full: int, evaluations: int) -> list[float | None]:
    """Best fully trained value after each evaluation's worth of resource; None before any."""
    best: list[float | None] = [None] * evaluations
    for step in steps:
        place = math.ceil(step.resource / full) - 1
        for later in range(place, evaluations):
            best[later] = step.best
    return best


def measure(
    problems: Mapping[str, int],
    strategies: Sequence[str],
    *,
    seeds: int,
    parallel: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """All figures."""
    results: dict[str, Any] = {}
    for name, evaluations in problems.items():
        by_strategy: dict[str, Any] = {}
        for strategy in strategies:
            begun = time.perf_counter()
            if strategy in _EARLY_STOPPING and len(load(name, 0).resources) == 1:
                continue
            try:
                runs = [
                    one_run(name, strategy, seed, evaluations, parallel) for seed in range(seeds)
                ]
            except ImportError as exc:
                by_strategy[strategy] = {"unavailable": str(exc)}
                continue
            seconds = time.perf_counter() - begun
            by_strategy[strategy] = {"best": runs, "seconds": round(seconds, 2)}
            say(f"{name} {strategy}: {seconds:.0f} s")
        results[name] = summary(name, by_strategy, evaluations)
    return {"seeds": seeds, "parallel": parallel, "problems": results}


def one_run(
    name: str, strategy: str, seed: int, evaluations: int, parallel: int
) -> list[float | None]:
    """Best value after every evaluation of one seed."""
    problem = load(name, seed)
    if strategy in PEERS:
        return run_peer(problem, strategy, seed=seed, evaluations=evaluations)
    return run_ours(problem, strategy, seed=seed, evaluations=evaluations, parallel=parallel)


def summary(name: str, by_strategy: dict[str, Any], evaluations: int) -> dict[str, Any]:
    """Medians, wins against each other, and what random search's result costs the others."""
    problem = load(name, 0)
    sign = 1.0 if problem.direction == "minimize" else -1.0
    runs = {s: figures["best"] for s, figures in by_strategy.items() if "best" in figures}
    for strategy, best in runs.items():
        finals = [_loss(values[-1], sign) for values in best]
        figures = by_strategy[strategy]
        problems = [load(name, seed) for seed in range(len(best))]
        figures["median_final"] = sign * statistics.median(finals)
        regrets = [
            final - sign * problem.optimum
            for final, problem in zip(finals, problems, strict=True)
            if hasattr(problem, "optimum")
        ]
        if regrets:
            figures["median_regret"] = statistics.median(regrets)
            figures["mean_regret"] = statistics.fmean(regrets)
        figures["no_worse_than"] = {
            other: sum(
                _loss(a[-1], sign) <= _loss(b[-1], sign) for a, b in zip(best, theirs, strict=True)
            )
            for other, theirs in runs.items()
            if other != strategy
        }
        if "random" in runs and strategy != "random":
            figures["share_of_random_s_budget_for_its_result"] = statistics.median(
                _share(values, floor, sign, evaluations)
                for values, floor in zip(best, runs["random"], strict=True)
            )
    return {"evaluations": evaluations, "direction": problem.direction, "strategies": by_strategy}


def _share(
    values: Sequence[float | None], floor: Sequence[float | None], sign: float, evaluations: int
) -> float:
    goal = _loss(floor[-1], sign)
    for place, value in enumerate(values, start=1):
        if _loss(value, sign) <= goal:
            return place / evaluations
    return math.inf


def _loss(value: float | None, sign: float) -> float:
    return math.inf if value is None else sign * value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument(
        "--problem", action="append", help=f"module:factory, or one of {', '.join(_PROBLEMS)}"
    )
    parser.add_argument("--strategy", action="append", help=f"ours, or one of {', '.join(PEERS)}")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", type=int)
    parser.add_argument("--parallel", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    names = arguments.problem or list(_DEFAULT_PROBLEMS)
    figures = measure(
        {name: arguments.evaluations or _DEFAULT_PROBLEMS.get(name, 50) for name in names},
        arguments.strategy or [*_OURS, *PEERS],
        seeds=arguments.seeds,
        parallel=arguments.parallel,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    machine.show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
