"""What holds of every sweep, whatever its scripts do and whenever its controllers die."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweeps.errors import LauncherUnavailable, StorageUnavailable
from sweeps.spaces import Categorical, Configuration, Float, Int
from sweeps.states import AttemptState, ExitReason, RunState
from sweeps.trials import Exit, SweepSnapshot
from tests.factories import a_space, a_spec, seconds
from tests.fakes import Behaviour
from tests.simulation import Killed, RaiseAt, Simulation, check_record, good_trial, kills

_EXITS = (
    Exit(reason=ExitReason.COMPLETED, code=0),
    Exit(reason=ExitReason.COMPLETED, code=0),
    Exit(reason=ExitReason.SCRIPT_FAILED, code=1, message="ValueError: no"),
    Exit(reason=ExitReason.KILLED, signal=9),
    Exit(reason=ExitReason.OUT_OF_MEMORY, signal=9),
    Exit(reason=ExitReason.PREEMPTED),
)
_SPACE = a_space(
    x=Float(low=0.0, high=1.0),
    n=Int(low=1, high=64, log=True),
    kind=Categorical(choices=("relu", "tanh")),
)


class Whims:
    """Scripts that do anything; the same configuration and attempt do the same again."""

    def __init__(self, seed: int, *, rejects: bool = True) -> None:
        self._seed = seed
        self._rejects = rejects

    def __call__(self, configuration: Configuration, attempt: int) -> Behaviour:
        chance = random.Random(f"{self._seed} {sorted(configuration.items())} {attempt}")
        duration = chance.uniform(0.5, 9.0)
        n_reports = chance.randint(0, 4)
        return Behaviour(
            duration=duration,
            reports=tuple(
                (
                    duration * (level + 1) / 5,
                    level + 1,
                    chance.choice([chance.random(), chance.random(), float("nan")]),
                )
                for level in range(n_reports)
            ),
            exit=chance.choice(_EXITS),
            prints_every=chance.choice([0.5, None]),
            rejected="no such GPU" if self._rejects and chance.random() < 0.05 else "",
            ignores_stop=chance.choice([0.0, 2.0]),
        )


def _check_after_every_tick(simulation: Simulation) -> SweepSnapshot:
    """To the end, with an eye on what must never happen in between."""
    former = simulation.snapshot
    for _ in range(20_000):
        tick = simulation.tick()
        now = simulation.snapshot
        _check_step(former, now)
        check_record(now, simulation.launcher.launched)
        former = now
        if tick.state.is_terminal:
            return now
        if not tick.progressed:
            simulation.clock.advance(0.5)
    raise AssertionError("the sweep never ends")


def _check_step(former: SweepSnapshot, now: SweepSnapshot) -> None:
    assert now.last_sequence >= former.last_sequence
    assert now.suggestions[: len(former.suggestions)] == former.suggestions
    assert now.concluded[: len(former.concluded)] == former.concluded
    for before, after in zip(former.trials, now.trials, strict=False):
        if before.state.is_terminal:
            assert repr(after) == repr(before)  # NaN is not equal to itself
    limit = now.sweep.spec.limits.max_parallel
    holding = {RunState.PENDING, RunState.QUEUED, RunState.RUNNING}
    assert sum(trial.state in holding for trial in now.trials) <= limit


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    max_trials=st.integers(1, 12),
    max_parallel=st.integers(1, 5),
    capacity=st.integers(1, 5),
    every=st.sampled_from([3, 8, 25, 1_000_000]),
    strategy=st.sampled_from(["random", "grid"]),
    stalled_after=st.sampled_from([None, 3.0]),
    trial_timeout=st.sampled_from([None, 6.0]),
)
def test_whatever_happens_a_sweep_ends_with_the_trials_asked_for(
    *,
    seed: int,
    max_trials: int,
    max_parallel: int,
    capacity: int,
    every: int,
    strategy: str,
    stalled_after: float | None,
    trial_timeout: float | None,
) -> None:
    spec = a_spec(
        strategy=strategy,
        space=_SPACE,
        seed=seed,
        max_trials=max_trials,
        max_parallel=max_parallel,
        max_failures=1000,
        stalled_after=stalled_after and seconds(stalled_after),
        trial_timeout=trial_timeout and seconds(trial_timeout),
    )
    simulation = Simulation(
        spec, script=Whims(seed), capacity=capacity, hook=kills(seed, every=every)
    )

    snapshot = _check_after_every_tick(simulation)

    assert len(snapshot.trials) == max_trials
    assert all(trial.state.is_terminal for trial in snapshot.trials)
    assert all(attempt.state is AttemptState.ENDED for attempt in snapshot.attempts)
    assert simulation.launcher.n_alive == 0
    assert simulation.launcher.most_alive <= min(max_parallel, capacity)
    assert len(snapshot.concluded) == max_trials


def _suggested(snapshot: SweepSnapshot) -> list[object]:
    return [(s.number, s.configuration, s.sequence, s.seen_through) for s in snapshot.suggestions]


@pytest.mark.parametrize("strategy", ["random", "grid"])
@pytest.mark.parametrize("trouble", ["killed", "store down", "launcher down"])
def test_trouble_at_any_single_call_changes_nothing_of_the_search(
    strategy: str, trouble: str
) -> None:
    errors = {
        "killed": Killed,
        "store down": lambda: StorageUnavailable("down"),
        "launcher down": lambda: LauncherUnavailable("down"),
    }
    spec = a_spec(strategy=strategy, space=_SPACE, max_trials=6, max_parallel=2, max_failures=99)
    script = Whims(3, rejects=False)
    counter = RaiseAt({})
    usual = Simulation(spec, script=script, hook=counter).run_to_end()

    for call in range(counter.n_calls):
        simulation = Simulation(spec, script=script, hook=RaiseAt({call: errors[trouble]}))
        snapshot = simulation.run_to_end()

        check_record(snapshot, simulation.launcher.launched)
        assert _suggested(snapshot) == _suggested(usual)
        assert repr(snapshot.trials) == repr(usual.trials)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("strategy", ["random", "grid"])
def test_a_search_whose_controllers_keep_dying_finds_what_it_would_have_found(
    strategy: str, seed: int
) -> None:
    spec = a_spec(
        strategy=strategy, space=_SPACE, seed=seed, max_trials=8, max_parallel=3, max_failures=99
    )
    script = Whims(seed, rejects=False)
    usual = Simulation(spec, script=script).run_to_end()
    simulation = Simulation(spec, script=script, hook=kills(seed, every=5))

    snapshot = simulation.run_to_end()

    assert simulation.n_controllers > 3
    assert _suggested(snapshot) == _suggested(usual)
    assert repr(snapshot.concluded) == repr(usual.concluded)


def test_a_bayesian_search_whose_controllers_keep_dying_finds_what_it_would_have_found() -> None:
    spec = a_spec(strategy="bayes", max_trials=8, max_parallel=2, initial_points=3)
    usual = Simulation(spec, script=good_trial).run_to_end()
    simulation = Simulation(spec, script=good_trial, hook=kills(1, every=8))

    snapshot = simulation.run_to_end()

    assert simulation.n_controllers > 3
    assert _suggested(snapshot) == _suggested(usual)
