"""How long a free slot waits for a suggestion, and what suggestions cost.

A sweep with 8 parameters and 16 slots in real time: a journal is filled with so many results, then
slots become free at random, as trials of some seconds would leave them, and are asked for as often
as a controller looks. The same searcher without its background, Optuna's TPE and GP and plain
scikit-optimize are measured in the same process, up to the sizes that they can bear.

    python -m benchmarks.suggest --json
"""

import argparse
import math
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import machine
from sweeps.background_suggester import BackgroundSuggester
from sweeps.journal import Journal
from sweeps.objectives import Direction, Objective
from sweeps.searchers.bayesian_search import BayesianSearch
from sweeps.spaces import Configuration, Float, SearchSpace
from sweeps.strategies import suggestion_rng
from sweeps.trials import ConcludedTrial, Suggestion

_SIZES = (100, 1_000, 5_000, 10_000)
_PARAMETERS, _SLOTS = 8, 16
_TICK_SECONDS = 0.02  # a controller that waits for something looks so often
_MOST_GP, _MOST_SKOPT = 1_000, 100  # results; beyond, one suggestion takes many seconds
SPACE = SearchSpace(
    parameters={f"x{n}": Float(low=0.0, high=1.0) for n in range(_PARAMETERS)},
)
_LOSS = Objective(metric="loss", direction=Direction.MINIMIZE)


def loss(configuration: Configuration) -> float:
    """A bowl with ripples."""
    values = [float(value) for value in configuration.values()]
    return sum((v - 0.3) ** 2 for v in values) + 0.05 * sum(math.cos(20 * v) for v in values)


class Filled:
    """A journal with results, and the numbers that come next."""

    def __init__(self, n: int) -> None:
        self.journal = Journal(_LOSS)
        self.sequence = 0
        self.number = 0
        chance = np.random.default_rng(1)
        for _ in range(n):
            self.tell(self.ask(SPACE.sample(chance)))

    def ask(self, configuration: Configuration, *, seen_through: int = 0) -> int:
        """A trial begins."""
        self.number += 1
        self.sequence += 1
        self.journal.ask(
            Suggestion(
                number=self.number,
                configuration=configuration,
                sequence=self.sequence,
                seen_through=seen_through,
            )
        )
        return self.number

    def tell(self, number: int) -> None:
        """A trial ends."""
        self.sequence += 1
        configuration = self.journal.history().configurations[number]
        self.journal.tell(
            ConcludedTrial(number=number, sequence=self.sequence, value=loss(configuration))
        )


def waits(n: int, *, trial_seconds: float, takes: int) -> dict[str, float]:
    """Seconds from a slot's becoming free to its suggestion."""
    filled = Filled(n)
    searcher = BayesianSearch(SPACE, initial_points=8)
    suggester = BackgroundSuggester(searcher, seed=7, ahead=_SLOTS)
    chance = np.random.default_rng(2)
    due: list[tuple[float, int]] = []  # when each live trial ends
    free_since = [time.perf_counter()] * _SLOTS
    waited: list[float] = []
    blind = 0
    suggester.prepare(filled.number + 1, filled.journal)
    while len(waited) < takes + _SLOTS:
        now = time.perf_counter()
        for ended in sorted(entry for entry in due if entry[0] <= now):
            due.remove(ended)
            filled.tell(ended[1])
            free_since.append(ended[0])
        while free_since:
            proposal = suggester.take(filled.number + 1, filled.journal, wanted=len(free_since))
            if proposal is None:
                break
            now = time.perf_counter()
            waited.append(now - free_since.pop(0))
            assert proposal.configuration is not None
            blind += proposal.seen_through == 0
            number = filled.ask(proposal.configuration, seen_through=proposal.seen_through)
            due.append((now + trial_seconds * (0.5 + chance.random()), number))
        suggester.prepare(filled.number + 1, filled.journal)
        time.sleep(_TICK_SECONDS)
    suggester.close()
    steady = waited[_SLOTS:]  # the first ones wait for the library to be imported
    return {
        "wait_p50_ms": 1000 * statistics.median(steady),
        "wait_p95_ms": 1000 * float(np.quantile(steady, 0.95)),
        "wait_max_ms": 1000 * max(steady),
        "without_results": blind / len(waited),
    }


def suggestions(n: int, *, times: int) -> dict[str, float]:
    """Seconds of a suggestion with and without a fit, 16 trials pending."""
    filled = Filled(n)
    searcher = BayesianSearch(SPACE, initial_points=8)
    chance = np.random.default_rng(3)
    for _ in range(_SLOTS):
        filled.ask(SPACE.sample(chance))
    seconds: list[float] = []
    for place in range(times):
        filled.tell(n + 1 + place)
        number = filled.number + 1
        history = filled.journal.history()
        seconds.append(
            timed(
                lambda number=number, history=history: searcher.suggest(
                    number=number, history=history, rng=suggestion_rng(7, number)
                )
            )
        )
    return {
        "first_with_fit_seconds": seconds[0],
        "p50_ms": 1000 * statistics.median(seconds[1:]),
        "p95_ms": 1000 * float(np.quantile(seconds[1:], 0.95)),
    }


def optuna_ask(n: int, make_sampler: Callable[[Any], Any], *, times: int) -> dict[str, float]:
    """Seconds of Optuna's ask after n results, 16 trials running."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=make_sampler(optuna))
    distributions: dict[str, Any] = {
        name: optuna.distributions.FloatDistribution(0, 1) for name in SPACE.parameters
    }
    chance = np.random.default_rng(1)
    for _ in range(n):
        configuration = SPACE.sample(chance)
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(configuration), distributions=distributions, value=loss(configuration)
            )
        )
    running = [study.ask(distributions) for _ in range(_SLOTS)] if n <= _MOST_GP else []
    seconds: list[float] = []
    for _ in range(times):
        if running:
            trial = running.pop(0)
            study.tell(trial, loss(trial.params))
        seconds.append(timed(lambda: running.append(study.ask(distributions))))
    return {"p50_ms": 1000 * statistics.median(seconds)}


def plain_skopt(n: int) -> dict[str, float]:
    """Seconds of one tell and ask of scikit-optimize's own optimiser after n results."""
    from skopt import Optimizer  # pyright: ignore[reportMissingTypeStubs] - it has none

    library: Any = Optimizer
    optimizer = library([(0.0, 1.0)] * _PARAMETERS, base_estimator="GP", n_initial_points=0)
    chance = np.random.default_rng(1)
    points = [list(SPACE.sample(chance).values()) for _ in range(n)]
    values = [loss(dict(zip(SPACE.parameters, point, strict=True))) for point in points]

    def once() -> None:
        optimizer.tell(points, values)
        optimizer.ask()

    return {"p50_ms": 1000 * timed(once)}


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def peers(n: int, ours_ms: float) -> dict[str, Any]:
    """The others at the same size, and how many times as long they take."""
    figures: dict[str, Any] = {}

    def add(name: str, measure: Callable[[], dict[str, float]]) -> None:
        try:
            taken = measure()
        except ImportError as exc:
            figures[name] = f"not measured: {exc}"
            return
        figures[name] = {**taken, "ratio_to_ours": taken["p50_ms"] / ours_ms}

    add("optuna_tpe", lambda: optuna_ask(n, lambda o: o.samplers.TPESampler(seed=1), times=5))
    if n <= _MOST_GP:
        add("optuna_gp", lambda: optuna_ask(n, lambda o: o.samplers.GPSampler(seed=1), times=2))
    if n <= _MOST_SKOPT:
        add("skopt_gp", lambda: plain_skopt(n))
    return figures


def measure(*, trial_seconds: float, takes: int) -> dict[str, Any]:
    """Every figure."""
    sizes: dict[str, Any] = {}
    for n in _SIZES:
        alone = suggestions(n, times=12)
        sizes[str(n)] = {
            "wait": waits(n, trial_seconds=trial_seconds, takes=takes),
            "suggestion": alone,
            "peers": peers(n, alone["p50_ms"]),
        }
    return {
        "parameters": _PARAMETERS,
        "slots": _SLOTS,
        "trial_seconds": trial_seconds,
        "worst_wait_p95_ms": max(figures["wait"]["wait_p95_ms"] for figures in sizes.values()),
        "observations": sizes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--trial-seconds", type=float, default=4.0, help="mean duration of a trial")
    parser.add_argument("--takes", type=int, default=60, help="suggestions a size")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    figures = measure(trial_seconds=arguments.trial_seconds, takes=arguments.takes)
    machine.show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
