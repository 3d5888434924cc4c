"""The life of a sweep, in simulated time."""

import pytest

from sweeps.controller import SweepController
from sweeps.errors import (
    SweepNotFound,
)
from sweeps.ids import SweepId
from sweeps.spaces import Categorical, Configuration, Int
from sweeps.specs import TrialSpec
from sweeps.states import (
    Decision,
    ExitReason,
    RunState,
    SweepRequest,
    SweepState,
)
from sweeps.trials import Exit
from tests.factories import LOSS, SCORE, SWEEP, a_space, a_spec, at
from tests.fakes import (
    Behaviour,
    FakeClock,
    FakeCredentials,
    FakeLauncher,
    FakeTrialStore,
    ScriptedScheduler,
)
from tests.simulation import (
    Simulation,
    check_record,
    ends_with,
    good_trial,
    states,
)

# To the end


@pytest.mark.parametrize("strategy", ["random", "grid", "bayes"])
def test_a_sweep_ends_with_exactly_the_trials_asked_for(strategy: str) -> None:
    simulation = Simulation(
        a_spec(strategy=strategy, max_trials=7, max_parallel=2, points_per_parameter=9)
    )

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.COMPLETED] * 7
    assert snapshot.sweep.state is SweepState.COMPLETED
    assert snapshot.sweep.reason == "all 7 trials have run"
    assert len(simulation.launcher.launched) == 7
    check_record(snapshot, simulation.launcher.launched)


def test_as_many_trials_run_at_once_as_allowed_and_never_more() -> None:
    simulation = Simulation(a_spec(max_trials=9, max_parallel=4))

    simulation.run_to_end()

    assert simulation.launcher.most_alive == 4


def test_a_sweep_whose_trials_all_start_at_once_is_running() -> None:
    simulation = Simulation(a_spec(max_trials=2, max_parallel=2))

    simulation.settle()

    assert simulation.state is SweepState.RUNNING


def test_a_trial_is_recorded_from_start_to_end() -> None:
    simulation = Simulation(a_spec(max_trials=1))

    simulation.run_to_end()

    trial = simulation.trial(1)
    assert (trial.started_at, trial.ended_at) == (at(0), at(3))
    assert trial.objective == trial.configuration["x"]
    assert trial.resource_level == 1
    (attempt,) = simulation.attempts(1)
    assert attempt.exit == Exit(reason=ExitReason.COMPLETED, code=0)
    assert (attempt.started_at, attempt.ended_at, attempt.node) == (at(0), at(3), "here")


def test_every_trial_that_ended_is_told_once() -> None:
    simulation = Simulation(a_spec(max_trials=5, max_parallel=2))

    simulation.run_to_end()

    assert [trial.number for trial in simulation.ended] == [1, 2, 3, 4, 5]


def test_the_objective_is_that_of_the_highest_level() -> None:
    reports = ((0.5, 1, 0.1), (1.0, 3, 0.3), (1.5, 2, 0.2))
    simulation = Simulation(
        a_spec(max_trials=1), script=ends_with(Exit(reason=ExitReason.COMPLETED), reports=reports)
    )

    simulation.run_to_end()

    assert (simulation.trial(1).objective, simulation.trial(1).resource_level) == (0.3, 3)


def test_a_grid_that_is_used_up_ends_the_sweep() -> None:
    space = a_space(a=Categorical(choices=("r", "g")), n=Int(low=1, high=2))
    simulation = Simulation(a_spec(strategy="grid", space=space, max_trials=50, max_parallel=3))

    snapshot = simulation.run_to_end()

    assert len(snapshot.trials) == 4
    assert snapshot.sweep.state is SweepState.COMPLETED
    assert snapshot.sweep.reason == "the space has no other configuration after 4 trials"


def test_a_sweep_that_has_ended_is_left_alone() -> None:
    simulation = Simulation(a_spec(max_trials=1))
    before = simulation.run_to_end()

    simulation.controller = simulation.new_controller()
    tick = simulation.tick()

    assert tick.state is SweepState.COMPLETED
    assert not tick.progressed
    assert simulation.snapshot == before


def test_an_unknown_sweep_is_an_error() -> None:
    clock = FakeClock()
    store = FakeTrialStore(clock)
    launcher = FakeLauncher(clock, script=good_trial, deliver=lambda *_: None)
    controller = SweepController(
        SweepId("nothing-aaaaaaaa"),
        store=store,
        launcher=launcher,
        credentials=FakeCredentials(),
        clock=clock,
        name="controller",
    )

    with pytest.raises(SweepNotFound):
        controller.tick()


def test_a_script_is_handed_its_parameters_its_seed_and_its_own_token() -> None:
    spec = a_spec(max_trials=1, trial=TrialSpec(command=("python", "train.py", "--x={x}")))
    simulation = Simulation(spec)

    simulation.settle()

    trial = simulation.trial(1)
    (request,) = simulation.launcher.requests.values()
    assert request.command == ("python", "train.py", f"--x={trial.configuration['x']}")
    assert request.environment["SWEEPWORKS_SEED"] == str(trial.seed)
    assert request.environment["SWEEPWORKS_RUN_TOKEN"] == f"default:{trial.run_id}-a1"
    assert request.source_dir == "/there"


def test_the_same_seed_searches_the_same_and_another_one_elsewhere() -> None:
    def configurations(seed: int) -> list[Configuration]:
        spec = a_spec(seed=seed, objective=SCORE if seed % 2 else LOSS)
        return [trial.configuration for trial in Simulation(spec).run_to_end().trials]

    assert configurations(3) == configurations(3)
    assert configurations(3) != configurations(5)


def test_every_trial_has_a_seed_of_its_own() -> None:
    snapshot = Simulation(a_spec(max_trials=20, max_parallel=20)).run_to_end()

    assert len({trial.seed for trial in snapshot.trials}) == 20


# What the search decides


def _reports_forever(configuration: Configuration, attempt: int) -> Behaviour:
    return Behaviour(duration=1000, reports=tuple((n, n, 1.0 / n) for n in range(1, 1000)))


def test_a_trial_that_the_search_stops_has_ten_seconds_to_save_what_it_has() -> None:
    scheduler = ScriptedScheduler({2: Decision.STOP})
    simulation = Simulation(
        a_spec(max_trials=1), script=_reports_forever, strategy=scheduler.strategy
    )

    simulation.run(for_seconds=11.5)
    told, stopped_early = (
        simulation.store.control(simulation.trial(1).run_id),
        list(simulation.launcher.stopped),
    )
    simulation.run_to_end()

    assert told is Decision.STOP
    assert stopped_early == []
    attempt = simulation.attempts(1)[0]
    assert simulation.launcher.stopped[0] == (attempt.attempt_id, ExitReason.STOPPED)
    assert attempt.ended_at == at(12)
    assert simulation.trial(1).state is RunState.STOPPED
    assert simulation.trial(1).reason == "stopped early by the search"


def test_a_script_that_obeys_is_not_killed_and_its_result_counts() -> None:
    def obedient(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=2.5, reports=((1.0, 1, 0.5), (2.0, 2, 0.25)))

    scheduler = ScriptedScheduler({2: Decision.STOP})
    simulation = Simulation(a_spec(max_trials=1), script=obedient, strategy=scheduler.strategy)

    snapshot = simulation.run_to_end()

    assert simulation.launcher.stopped == []
    assert simulation.trial(1).state is RunState.STOPPED
    assert [result.value for result in snapshot.concluded] == [0.25]


def test_a_trial_that_the_search_pauses_gives_its_place_away() -> None:
    scheduler = ScriptedScheduler({1: Decision.PAUSE})
    simulation = Simulation(
        a_spec(max_trials=2, max_parallel=1),
        script=_reports_forever,
        strategy=scheduler.strategy,
    )

    snapshot = simulation.run(for_seconds=14)

    assert states(snapshot) == [RunState.PAUSED, RunState.RUNNING]
    assert simulation.attempts(1)[0].exit == Exit(reason=ExitReason.PAUSED, signal=15)
    assert snapshot.concluded == ()


def test_a_stopped_trial_that_is_killed_by_the_machine_is_not_started_again() -> None:
    scheduler = ScriptedScheduler({1: Decision.STOP})
    simulation = Simulation(
        a_spec(max_trials=1), script=_reports_forever, strategy=scheduler.strategy
    )
    simulation.run(for_seconds=3)
    simulation.launcher.kill(simulation.attempts(1)[0].attempt_id)

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.STOPPED]
    assert len(snapshot.attempts) == 1


def test_scripts_are_told_where_they_are_compared() -> None:
    scheduler = ScriptedScheduler({1: Decision.CONTINUE, 3: Decision.CONTINUE})
    simulation = Simulation(a_spec(max_trials=1), strategy=scheduler.strategy)

    simulation.settle()

    (request,) = simulation.launcher.requests.values()
    assert request.environment["SWEEPWORKS_RUNGS"] == "1,3"


def test_a_new_controller_shows_its_scheduler_what_the_former_one_was_shown() -> None:
    first, second = ScriptedScheduler({}), ScriptedScheduler({})
    simulation = Simulation(a_spec(max_trials=4, max_parallel=2), strategy=first.strategy)
    simulation.run(for_seconds=4)
    # Too late for a decision: no scheduler is shown it, neither now nor after a restart.
    simulation.store.report(simulation.trial(1).run_id, 99, 0.0)
    simulation.settle()

    simulation.strategy = second.strategy
    simulation.controller = simulation.new_controller()
    simulation.tick()

    def told(scheduler: ScriptedScheduler) -> list[tuple[int, int]]:
        return [(seen.number, seen.level) for seen in scheduler.seen]

    assert told(second) == told(first)
    assert len(told(first)) == 2


# What people ask


def test_cancelling_stops_what_runs_and_starts_nothing() -> None:
    simulation = Simulation(a_spec(max_trials=50, max_parallel=2))
    simulation.run(for_seconds=7)
    simulation.store.request(SWEEP, SweepRequest.CANCEL)
    n_launched = len(simulation.launcher.launched)

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.state is SweepState.CANCELLED
    assert snapshot.sweep.reason == "cancelled by a person"
    assert states(snapshot)[-2:] == [RunState.CANCELLED] * 2
    assert len(simulation.launcher.launched) == n_launched
    assert simulation.launcher.n_alive == 0


def test_cancelling_reaches_a_trial_that_was_accepted_but_has_not_started() -> None:
    def never_starts(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(pending=1_000_000)

    simulation = Simulation(a_spec(max_trials=1), script=never_starts)
    simulation.settle()
    simulation.store.request(SWEEP, SweepRequest.CANCEL)

    snapshot = simulation.run(for_seconds=10)

    assert snapshot.sweep.state is SweepState.CANCELLED
    assert states(snapshot) == [RunState.CANCELLED]


def test_cancelling_before_anything_ran_leaves_no_trial() -> None:
    simulation = Simulation(a_spec())
    simulation.store.request(SWEEP, SweepRequest.CANCEL)

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.state is SweepState.CANCELLED
    assert snapshot.trials == ()


def test_a_paused_sweep_lets_trials_end_and_starts_no_others_until_resumed() -> None:
    simulation = Simulation(a_spec(max_trials=6, max_parallel=2))
    simulation.settle()
    simulation.store.request(SWEEP, SweepRequest.PAUSE)

    paused = simulation.run(for_seconds=30)
    simulation.store.request(SWEEP, SweepRequest.RUN)
    ended = simulation.run_to_end()

    assert paused.sweep.state is SweepState.PAUSED
    assert states(paused) == [RunState.COMPLETED] * 2
    assert ended.sweep.state is SweepState.COMPLETED
    assert states(ended) == [RunState.COMPLETED] * 6


def test_a_paused_sweep_does_not_start_what_waited_for_a_slot() -> None:
    simulation = Simulation(a_spec(max_trials=3, max_parallel=3), capacity=1)
    simulation.settle()
    simulation.store.request(SWEEP, SweepRequest.PAUSE)

    paused = simulation.run(for_seconds=30)
    simulation.store.request(SWEEP, SweepRequest.RUN)
    resumed = simulation.settle()
    simulation.run_to_end()

    assert states(paused) == [RunState.COMPLETED, RunState.QUEUED, RunState.QUEUED]
    assert paused.sweep.state is SweepState.PAUSED
    assert resumed.state is SweepState.RUNNING
    assert len(simulation.launcher.launched) == 3


def test_a_paused_sweep_can_be_cancelled() -> None:
    simulation = Simulation(a_spec(max_trials=3, max_parallel=3), capacity=1)
    simulation.settle()
    simulation.store.request(SWEEP, SweepRequest.PAUSE)
    simulation.run(for_seconds=30)
    simulation.store.request(SWEEP, SweepRequest.CANCEL)

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.COMPLETED, RunState.CANCELLED, RunState.CANCELLED]
