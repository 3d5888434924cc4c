"""Trials that pause at a rung, and go on from there."""

import pytest

from sweeps.spaces import Configuration
from sweeps.specs import SchedulerSpec
from sweeps.states import Decision, ExitReason, RunState, SweepRequest, SweepState
from tests.factories import a_spec, seconds
from tests.fakes import Behaviour, ScriptedScheduler
from tests.simulation import Simulation, check_record, states

LEVELS = (1, 2, 3)


def obedient(configuration: Configuration, attempt: int) -> Behaviour:
    """The first attempt ends at rung 1; the second goes on to the end."""
    if attempt == 1:
        return Behaviour(duration=1.5, reports=((1.0, 1, 0.5),))
    return Behaviour(duration=2.5, reports=((1.0, 2, 0.4), (2.0, 3, 0.25)))


def a_simulation(scheduler: ScriptedScheduler, **limits: object) -> Simulation:
    spec = a_spec(**{"max_trials": 2, "max_parallel": 1, **limits})
    return Simulation(spec, script=obedient, strategy=scheduler.strategy)


def test_a_paused_trial_is_no_result_yet_and_holds_no_place() -> None:
    simulation = a_simulation(ScriptedScheduler({1: Decision.PAUSE}))

    snapshot = simulation.run(for_seconds=3)

    assert states(snapshot) == [RunState.PAUSED, RunState.RUNNING]
    assert snapshot.concluded == ()
    assert snapshot.attempts[0].exit is not None
    assert snapshot.attempts[0].exit.reason is ExitReason.COMPLETED


def test_a_promoted_trial_gets_one_more_attempt_and_goes_first() -> None:
    scheduler = ScriptedScheduler({1: Decision.PAUSE})
    simulation = a_simulation(scheduler)
    scheduler.to_promote = [1]

    simulation.run(for_seconds=3)
    attempts = simulation.attempts(1)
    told = simulation.store.control(simulation.trial(1).run_id)

    assert [attempt.number for attempt in attempts] == [1, 2]
    assert attempts[1].promoted_sequence is not None
    assert told is Decision.CONTINUE
    assert simulation.snapshot.trials[1:] == ()


def test_a_script_that_goes_on_after_its_rung_is_promoted_all_the_same() -> None:
    """It reports once more while it winds down: told to pause again, in the tick of its promotion."""

    def winding_down(configuration: Configuration, attempt: int) -> Behaviour:
        value = float(configuration["x"])
        if attempt == 1:
            return Behaviour(duration=2.0, reports=((1.0, 1, value), (1.5, 2, value)))
        return Behaviour(duration=20.0, reports=((19.0, 3 if attempt == 2 else 9, value),))

    def played(*, restarts: bool) -> tuple[list[tuple[RunState, int | None]], list[object]]:
        asha = SchedulerSpec(name="asha", variant="promotion", max_resource=9, reduction_factor=3)
        simulation = Simulation(
            a_spec(strategy="random", scheduler=asha, max_trials=9, max_parallel=3),
            script=winding_down,
        )
        while not simulation.settle().state.is_terminal:
            if restarts:
                simulation.controller.close()
                simulation.controller = simulation.new_controller()
            simulation.clock.advance(1.0)
        trials = simulation.snapshot.trials
        return [(t.state, t.resource_level) for t in trials], list(simulation.launcher.stopped)

    calm, stopped = played(restarts=False)

    assert (RunState.COMPLETED, 9) in calm
    assert stopped == []
    assert played(restarts=True) == (calm, stopped)


def test_a_promoted_trial_that_ends_is_a_result() -> None:
    scheduler = ScriptedScheduler({1: Decision.PAUSE})
    simulation = a_simulation(scheduler)
    scheduler.to_promote = [1, 2]

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.COMPLETED] * 2
    assert [(c.value, c.level) for c in snapshot.concluded] == [(0.25, 3)] * 2
    check_record(snapshot, simulation.launcher.launched)


def test_whoever_is_never_promoted_is_stopped_when_the_sweep_ends() -> None:
    simulation = a_simulation(ScriptedScheduler({1: Decision.PAUSE}))

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.state is SweepState.COMPLETED
    assert states(snapshot) == [RunState.STOPPED] * 2
    assert {t.reason for t in snapshot.trials} == {"not promoted: others were better at level 1"}
    assert [c.value for c in snapshot.concluded] == [0.5, 0.5]


def test_paused_trials_of_a_cancelled_sweep_are_cancelled() -> None:
    simulation = a_simulation(ScriptedScheduler({1: Decision.PAUSE}))
    simulation.run(for_seconds=2)
    simulation.store.request(simulation.snapshot.sweep.sweep_id, SweepRequest.CANCEL)

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.state is SweepState.CANCELLED
    assert set(states(snapshot)) == {RunState.CANCELLED}


def test_a_deadline_ends_paused_trials_too() -> None:
    simulation = a_simulation(
        ScriptedScheduler({1: Decision.PAUSE}), max_trials=99, deadline=seconds(5)
    )

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.state is SweepState.COMPLETED
    assert all(state.is_terminal for state in states(snapshot))


def test_a_paused_sweep_with_trials_to_promote_waits_to_be_resumed() -> None:
    scheduler = ScriptedScheduler({1: Decision.PAUSE})
    simulation = a_simulation(scheduler, max_trials=1)
    sweep_id = simulation.snapshot.sweep.sweep_id
    simulation.run(for_seconds=1)
    simulation.store.request(sweep_id, SweepRequest.PAUSE)
    scheduler.to_promote = [1]

    rested = simulation.run(for_seconds=60)
    simulation.store.request(sweep_id, SweepRequest.RUN)
    snapshot = simulation.run_to_end()

    assert (rested.sweep.state, states(rested)) == (SweepState.PAUSED, [RunState.PAUSED])
    assert states(snapshot) == [RunState.COMPLETED]


def test_promotions_do_not_use_up_the_attempts_that_mishaps_may_take() -> None:
    mishaps = {2, 3}

    def script(configuration: Configuration, attempt: int) -> Behaviour:
        if attempt in mishaps:
            return Behaviour(duration=1000)
        return obedient(configuration, attempt)

    scheduler = ScriptedScheduler({1: Decision.PAUSE})
    scheduler.to_promote = [1]
    spec = a_spec(max_trials=1, max_parallel=1, max_attempts=3)
    simulation = Simulation(spec, script=script, strategy=scheduler.strategy)
    for attempt in sorted(mishaps):
        while len(simulation.snapshot.attempts) < attempt:
            simulation.run(for_seconds=1)
        simulation.run(for_seconds=2)
        simulation.launcher.kill(simulation.attempts(1)[attempt - 1].attempt_id)

    snapshot = simulation.run_to_end()

    assert [a.number for a in simulation.attempts(1)] == [1, 2, 3, 4]
    assert states(snapshot) == [RunState.COMPLETED]


@pytest.mark.parametrize("moment", [0.5, 1.0, 1.5, 2.0, 2.5, 3.5, 5.0])
def test_a_controller_lost_at_any_moment_changes_nothing(moment: float) -> None:
    def run(*, lost: bool) -> object:
        scheduler = ScriptedScheduler({1: Decision.PAUSE})
        simulation = a_simulation(scheduler)
        scheduler.to_promote = [1]
        simulation.run(for_seconds=moment, step=0.5)
        if lost:
            fresh = ScriptedScheduler({1: Decision.PAUSE})
            fresh.to_promote = [1]
            simulation.strategy = fresh.strategy
            simulation.controller = simulation.new_controller()
        snapshot = simulation.run_to_end()
        return snapshot.trials, snapshot.reports, snapshot.suggestions, snapshot.concluded

    assert run(lost=True) == run(lost=False)
