"""How good a configuration each strategy finds for the same budget.

Every strategy of ours runs through the real controller in simulated time, one trial at a time
unless `--parallel` says otherwise; Optuna's samplers run beside it on the same problems, and plain
random search is the floor. An evaluation is one training to the full resource, or as much resource
in pieces. Seeds are paired: the same number is the same data set, and the same seed of the search.

    python -m benchmarks.search --json
    python -m benchmarks.search --json --quick
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
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import machine
from benchmarks.peers import PEERS, run_peer
from sweeps.simulation.curves import Outcome
from sweeps.simulation.simulated_sweep import SimulatedSweep, Step
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.sweep_files.strategy_options import SCHEDULERS, SEARCHERS
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
_QUICK_PROBLEMS = {"branin": 6, "lcdb": 6}  # only to see that it runs
_OURS = ("random", "bayes", "asha", "bohb")
_NAMES = (*SEARCHERS, *SCHEDULERS, "bohb")
_EARLY_STOPPING = frozenset({*SCHEDULERS, "bohb"})
_TIE = 1e-9  # equal values, whatever way they were summed up
_FULL_TRIALS = 200  # a multi-fidelity search may start so many times as many trials
_EVALUATION = (
    "one training to the full resource; of a strategy that stops early, as much resource as that, "
    "spent on however many trials. `best` has the best value trained to the end after each one, "
    "null before there is any."
)


def load(name: str, seed: int) -> Any:
    """A problem, by its own name or as ``module:factory``; factories may take the seed."""
    module, _, factory = _PROBLEMS.get(name, name).partition(":")
    make = getattr(importlib.import_module(module), factory)
    return make(seed) if inspect.signature(make).parameters else make()


def whole_levels(resources: Sequence[float]) -> dict[int, Any]:
    """The problem's resource by its level, a whole number of the same proportions."""
    scale = 1.0 if all(float(r).is_integer() for r in resources) else 1000 / resources[0]
    return {round(resource * scale): resource for resource in resources}


def a_spec(problem: Any, strategy: str, *, seed: int, evaluations: int, parallel: int) -> SweepSpec:
    """The sweep that searches `problem`."""
    early = strategy in _EARLY_STOPPING
    levels = list(whole_levels(problem.resources))
    options: dict[str, Any] = {"name": strategy}
    if early:
        options |= {"max_resource": levels[-1], "min_resource": levels[0]}
    return parse_document(
        {
            "experiment": "benchmark",
            "owner": "nobody",
            "purpose": "Which strategy finds the best for the same budget?",
            "objective": {"metric": problem.metric, "direction": problem.direction},
            "space": dict(problem.space),
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
    resources = whole_levels(problem.resources)
    levels = tuple(resources)

    def curves(configuration: Configuration, level: int) -> Outcome:
        # Rungs need not be levels that the problem knows: trained is what it knows below.
        known = levels[max(bisect_right(levels, level) - 1, 0)]
        outcome = problem(configuration, resources[known])
        return Outcome(value=float(outcome["value"]), seconds=float(outcome["seconds"]))

    spec = a_spec(problem, strategy, seed=seed, evaluations=evaluations, parallel=parallel)
    sweep = SimulatedSweep(spec, curves, levels)
    sweep.run(resource=levels[-1] * evaluations)
    return by_evaluation(sweep.steps, levels[-1], evaluations)


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
                by_strategy[strategy] = {"unavailable": "one resource level: nothing to stop"}
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
    return {
        "evaluation": _EVALUATION,
        "seeds": seeds,
        "parallel": parallel,
        "problems": results,
        "goals": goals(results),
    }


def goals(results: Mapping[str, Any]) -> dict[str, Any]:
    """What is promised, problem by problem; a comparison without both sides is left out."""
    reached: dict[str, Any] = {}
    for name, result in results.items():
        strategies = result["strategies"]
        median = {s: f["median_final"] for s, f in strategies.items() if "median_final" in f}
        sign = 1.0 if result["direction"] == "minimize" else -1.0
        ours = median.get("bayes")
        for floor in ("random", *PEERS):
            if ours is not None and floor in median:
                at_least = sign * ours <= sign * median[floor] + _TIE
                reached[f"{name}: bayes no worse than {floor}"] = at_least
        for strategy in ("asha", "bohb"):
            share = strategies.get(strategy, {}).get("share_of_random_s_budget_for_its_result")
            if share is not None:
                reached[f"{name}: {strategy} at a third of random's resource"] = share <= 1 / 3
    return reached


def one_run(
    name: str, strategy: str, seed: int, evaluations: int, parallel: int
) -> list[float | None]:
    """Best value after every evaluation of one seed."""
    problem = load(name, seed)
    if strategy in PEERS:
        space = a_spec(problem, "random", seed=seed, evaluations=evaluations, parallel=1).space
        return run_peer(problem, space, strategy, seed=seed, evaluations=evaluations)
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


def plain(value: Any) -> Any:
    """`value` with null for what JSON has no number for: infinite is never reached."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument(
        "--problem", action="append", help=f"module:factory, or one of {', '.join(_PROBLEMS)}"
    )
    parser.add_argument("--strategy", action="append", choices=(*_NAMES, *PEERS))
    parser.add_argument("--quick", action="store_true", help="two seeds, few evaluations")
    parser.add_argument("--seeds", type=int, help="10 when left out")
    parser.add_argument("--evaluations", type=int)
    parser.add_argument("--parallel", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    usual = _QUICK_PROBLEMS if arguments.quick else _DEFAULT_PROBLEMS
    names = arguments.problem or list(usual)
    others = 6 if arguments.quick else 50
    figures = measure(
        {name: arguments.evaluations or usual.get(name, others) for name in names},
        arguments.strategy or [*_OURS, *PEERS],
        seeds=arguments.seeds or (2 if arguments.quick else 10),
        parallel=arguments.parallel,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    machine.show(plain(figures), as_json=arguments.json)


if __name__ == "__main__":
    main()
