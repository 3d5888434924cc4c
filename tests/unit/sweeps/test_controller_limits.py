"""What takes too long, in simulated time."""

import pytest

from sweeps.spaces import Configuration
from sweeps.states import (
    ExitReason,
    RunState,
    SweepState,
)
from tests.factories import a_spec, at, seconds
from tests.fakes import (
    Behaviour,
)
from tests.simulation import (
    Simulation,
    good_trial,
    states,
)


def test_a_trial_that_takes_too_long_is_ended_and_not_tried_again() -> None:
    def endless(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=10_000, ignores_stop=2.0)

    simulation = Simulation(a_spec(max_trials=1, trial_timeout=seconds(30)), script=endless)

    simulation.run_to_end()

    (attempt,) = simulation.attempts(1)
    assert attempt.exit is not None
    assert attempt.exit.reason is ExitReason.TIMED_OUT
    assert attempt.ended_at == at(32)
    assert simulation.trial(1).reason == "ran longer than trial_timeout (0:00:30)"


def test_a_silent_script_is_ended() -> None:
    def silent(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=10_000, prints_every=None)

    simulation = Simulation(a_spec(max_trials=1, stalled_after=seconds(60)), script=silent)

    simulation.run_to_end()

    assert simulation.attempts(1)[0].ended_at == at(60)
    assert simulation.trial(1).state is RunState.FAILED
    assert simulation.trial(1).reason == (
        "no output, report or heartbeat for stalled_after (0:01:00)"
    )


@pytest.mark.parametrize(
    ("prints_every", "reports"),
    [(30.0, ()), (None, tuple((30.0 * n, n, 0.5) for n in range(1, 7)))],
    ids=["by output", "by reports"],
)
def test_a_script_that_gives_signs_of_life_is_not_stalled(
    prints_every: float | None, reports: tuple[tuple[float, int, float], ...]
) -> None:
    def script(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=200, prints_every=prints_every, reports=reports)

    simulation = Simulation(a_spec(max_trials=1, stalled_after=seconds(60)), script=script)

    simulation.run_to_end()

    assert simulation.launcher.stopped == []


def test_a_heartbeat_of_the_sdk_is_a_sign_of_life() -> None:
    def silent(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=10_000, prints_every=None)

    simulation = Simulation(a_spec(max_trials=1, stalled_after=seconds(60)), script=silent)
    simulation.run(for_seconds=50)
    simulation.store.beat(simulation.trial(1).run_id, seen_at=simulation.clock.now())

    simulation.run_to_end()

    assert simulation.attempts(1)[0].ended_at == at(110)


def test_a_deadline_begins_with_the_first_controller_and_not_in_the_queue() -> None:
    simulation = Simulation(a_spec(max_trials=2, deadline=seconds(20)), script=good_trial)
    simulation.clock.advance(3600)

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.reason == "all 2 trials have run"
    assert snapshot.sweep.started_at == at(3600)


def test_a_deadline_stops_what_runs_and_keeps_what_was_found() -> None:
    simulation = Simulation(
        a_spec(max_trials=1000, max_parallel=2, deadline=seconds(20)), script=good_trial
    )

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.state is SweepState.COMPLETED
    assert snapshot.sweep.reason == "the deadline of 0:00:20 has passed"
    assert snapshot.sweep.ended_at == at(20)
    assert set(states(snapshot)) == {RunState.COMPLETED, RunState.STOPPED}
    assert simulation.launcher.n_alive == 0
