"""A search survives the loss of its controller: same trials, same decisions, for every strategy."""

import math
import random
from dataclasses import replace
from typing import Any, cast

import pytest

from sweeps.controller import Tick
from sweeps.ids import AttemptId
from sweeps.ports import TrialLauncher, TrialStore
from sweeps.simulation.curves import Outcome
from sweeps.simulation.launcher import Fails, nobody_fails
from sweeps.simulation.simulated_sweep import SimulatedSweep
from sweeps.spaces import Categorical, Configuration, Float, Int, SearchSpace
from sweeps.specs import SchedulerSpec, SweepSpec
from sweeps.states import ExitReason
from sweeps.trials import SweepSnapshot
from tests.factories import a_spec
from tests.simulation import Killed, Meddled

KILLS = 100
SPACE = SearchSpace(
    parameters={
        "lr": Float(low=1e-4, high=1.0, log=True),
        "layers": Int(low=1, high=64),
        "activation": Categorical(choices=("relu", "tanh", 1, True)),
    }
)
LEVELS = tuple(range(1, 10))


def curves(configuration: Configuration, level: int) -> Outcome:
    """Smooth, with ties, a NaN here and there, and costs that put trials out of step."""
    lr, layers = float(configuration["lr"]), int(configuration["layers"])
    if layers % 11 == 0 and level > 3:
        return Outcome(value=math.nan, seconds=level * 2.0)
    quality = (math.log10(lr) + 2) ** 2 + abs(layers - 20) / 20
    return Outcome(value=round(quality + 1.0 / level, 2), seconds=level * (1.0 + layers / 64))


class Doomed(SimulatedSweep):
    """A simulated sweep whose controller dies at some of its calls."""

    def __init__(self, spec: SweepSpec, doom: set[int], fails: Fails) -> None:
        self.n_calls = 0
        self.n_killed = 0
        self._doom = doom

        def hook(call: str) -> None:
            self.n_calls += 1
            if self.n_calls in self._doom:
                raise Killed(call)

        super().__init__(
            spec,
            curves,
            LEVELS,
            wrap_store=lambda store: cast("TrialStore", Meddled(store, hook)),
            wrap_launcher=lambda launcher: cast("TrialLauncher", Meddled(launcher, hook)),
            fails=fails,
        )

    def tick(self) -> Tick:
        while True:
            try:
                return self.controller.tick()
            except Killed:
                self.n_killed += 1
                self.controller = self.new_controller()


def record(snapshot: SweepSnapshot) -> dict[str, Any]:
    """All that a search decided."""
    return {
        "trials": [repr(replace(t, run_id=t.run_id)) for t in snapshot.trials],
        "suggestions": [repr(s) for s in snapshot.suggestions],
        "reports": [repr(r) for r in snapshot.reports],
        "concluded": [repr(c) for c in snapshot.concluded],
        "promotions": [(a.attempt_id, a.promoted_sequence) for a in snapshot.attempts],
        "sweep": (snapshot.sweep.state, snapshot.sweep.reason),
    }


def asha(variant: str, **changes: Any) -> SchedulerSpec:
    return SchedulerSpec(name="asha", variant=variant, max_resource=9, **changes)


STRATEGIES: dict[str, tuple[str, SchedulerSpec | None]] = {
    "random": ("random", None),
    "grid": ("grid", None),
    "sobol": ("sobol", None),
    "lhs": ("lhs", None),
    "asha stopping": ("random", asha("stopping")),
    "asha promotion": ("random", asha("promotion")),
    "asha promotion, brackets": ("random", asha("promotion", brackets=3)),
    "asha with a grid": ("grid", asha("stopping", grace=2)),
    "hyperband": ("random", SchedulerSpec(name="hyperband", max_resource=9)),
    "median stopping": ("random", SchedulerSpec(name="median_stopping", max_resource=9)),
}
COSTLY = {
    "bayes": ("bayes", None),
    "bohb": ("bayes", SchedulerSpec(name="hyperband", max_resource=9)),
    "bayes with asha": ("bayes", asha("promotion")),
}


def play(name: str, *, n_trials: int, doom: set[int], fails: Fails) -> Doomed:
    searcher, scheduler = {**STRATEGIES, **COSTLY}[name]
    spec = a_spec(
        strategy=searcher,
        scheduler=scheduler,
        space=SPACE,
        max_trials=n_trials,
        max_parallel=7,
        initial_points=5,
        points_per_parameter=12,
        max_failures=1000,
    )
    return Doomed(spec, doom, fails)


def check(name: str, *, n_trials: int, fails: Fails = nobody_fails) -> None:
    calm = play(name, n_trials=n_trials, doom=set(), fails=fails)
    undisturbed = record(calm.run())
    chance = random.Random(name)
    # Reloads are calls too, so the last planned ones may come too late to matter.
    doom = set(chance.sample(range(2, calm.n_calls), KILLS))
    unlucky = play(name, n_trials=n_trials, doom=doom, fails=fails)

    survived = record(unlucky.run())

    assert unlucky.n_killed == KILLS
    assert len(undisturbed["trials"]) == n_trials
    assert survived == undisturbed


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_a_sweep_whose_controller_dies_a_hundred_times_is_the_same_sweep(name: str) -> None:
    check(name, n_trials=300)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(COSTLY))
def test_a_costly_search_is_the_same_too(name: str) -> None:
    check(name, n_trials=300)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_it_is_the_same_when_machines_die_as_well(name: str) -> None:
    def fails(attempt_id: AttemptId, level: int) -> ExitReason | None:
        is_bad = random.Random(f"{attempt_id} {level}").random() < 0.1
        return ExitReason.LOST if is_bad else None

    check(name, n_trials=100, fails=fails)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STRATEGIES))
def test_there_is_no_call_at_which_a_controller_must_not_die(name: str) -> None:
    calm = play(name, n_trials=12, doom=set(), fails=nobody_fails)
    undisturbed = record(calm.run())

    for place in range(1, calm.n_calls + 1):
        unlucky = play(name, n_trials=12, doom={place}, fails=nobody_fails)
        assert record(unlucky.run()) == undisturbed, f"killed at call {place}"
