"""The life of a sweep, in simulated time."""

import pytest

from sweeps.controller import SweepController
from sweeps.errors import (
    DiskFull,
    LauncherUnavailable,
    LeaseLost,
    StorageUnavailable,
    SweepNotFound,
)
from sweeps.ids import AttemptId, SweepId
from sweeps.spaces import Categorical, Configuration, Int
from sweeps.specs import TrialSpec
from sweeps.states import (
    AttemptState,
    Decision,
    ExitReason,
    RunState,
    SweepRequest,
    SweepState,
)
from sweeps.trials import Exit
from tests.factories import LOSS, SCORE, SWEEP, a_space, a_spec, at, seconds
from tests.fakes import (
    Behaviour,
    FakeClock,
    FakeCredentials,
    FakeLauncher,
    FakeTrialStore,
    ScriptedScheduler,
)
from tests.simulation import Killed, RaiseOn, Simulation, check_record, good_trial, states

_SCRIPT_FAILED = Exit(reason=ExitReason.SCRIPT_FAILED, code=1, message="Traceback\nValueError: no")
_KILLED = Exit(reason=ExitReason.KILLED, signal=9)


def ends_with(ended: Exit, *, reports: tuple[tuple[float, int, float], ...] = ()):
    """A script whose every attempt ends that way after three seconds."""

    def script(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(exit=ended, reports=reports)

    return script


def runs_for(duration: float):
    """A script that takes its time."""

    def script(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=duration)

    return script


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


# Failures and retries


@pytest.mark.parametrize("reason", [ExitReason.KILLED, ExitReason.LOST])
def test_a_trial_is_tried_again_when_the_machine_was_to_blame(reason: ExitReason) -> None:
    def script(configuration: Configuration, attempt: int) -> Behaviour:
        if attempt == 1:
            return Behaviour(exit=Exit(reason=reason, signal=9))
        return good_trial(configuration, attempt)

    simulation = Simulation(a_spec(max_trials=2), script=script)

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.COMPLETED] * 2
    assert [attempt.number for attempt in simulation.attempts(1)] == [1, 2]


def test_a_trial_is_given_up_after_its_last_attempt() -> None:
    simulation = Simulation(a_spec(max_trials=1, max_attempts=3), script=ends_with(_KILLED))

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.FAILED]
    assert len(snapshot.attempts) == 3
    assert simulation.trial(1).reason == "killed by signal 9 from outside; gave up after 3 attempts"


def test_a_process_that_vanished_is_tried_again() -> None:
    simulation = Simulation(a_spec(max_trials=1))
    simulation.settle()
    simulation.launcher.lose(simulation.attempts(1)[0].attempt_id)

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.COMPLETED]
    assert [a.exit and a.exit.reason for a in snapshot.attempts] == [
        ExitReason.LOST,
        ExitReason.COMPLETED,
    ]


def test_a_script_that_fails_is_not_tried_again() -> None:
    simulation = Simulation(a_spec(max_trials=4, max_failures=9), script=ends_with(_SCRIPT_FAILED))

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.FAILED] * 4
    assert len(snapshot.attempts) == 4
    assert simulation.trial(1).reason == "the script exited with code 1: ValueError: no"
    assert snapshot.sweep.state is SweepState.FAILED


def test_a_sweep_whose_first_trials_die_of_the_same_error_stops_and_quotes_it() -> None:
    simulation = Simulation(
        a_spec(max_trials=50, max_parallel=2, max_failures=3), script=ends_with(_SCRIPT_FAILED)
    )

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.state is SweepState.FAILED
    assert snapshot.sweep.reason == (
        "the first 3 trials all failed: the script exited with code 1: ValueError: no"
    )
    assert len(snapshot.trials) < 8
    assert simulation.launcher.n_alive == 0
    assert all(trial.state.is_terminal for trial in snapshot.trials)


def test_garbage_on_stderr_reaches_no_reason() -> None:
    garbage = Exit(reason=ExitReason.SCRIPT_FAILED, code=1, message="\x00\x1b[1m\udcff oh")
    simulation = Simulation(a_spec(max_trials=3), script=ends_with(garbage))

    snapshot = simulation.run_to_end()

    assert snapshot.sweep.reason.isprintable()
    assert snapshot.sweep.reason.endswith("oh")


def test_what_was_stopped_says_why_and_not_what_it_printed() -> None:
    def script(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=1000, stderr="warning: 1\nwarning: 2")

    simulation = Simulation(a_spec(max_trials=2, deadline=seconds(20)), script=script)

    snapshot = simulation.run_to_end()

    assert {trial.reason for trial in snapshot.trials} == {"stopped: its sweep had come to its end"}


def test_a_controller_that_was_overtaken_while_launching_leaves_no_process() -> None:
    simulation = Simulation(a_spec(max_trials=4, max_parallel=2))
    former = simulation.controller
    overtaken: list[SweepState] = []

    def overtake(call: str) -> None:
        if call == "before launch" and not overtaken:
            simulation.store.request(SWEEP, SweepRequest.CANCEL)
            overtaken.append(simulation.new_controller().tick().state)

    simulation.hook = overtake
    former.tick()

    assert overtaken == [SweepState.CANCELLED]
    assert simulation.launcher.n_alive == 0
    with pytest.raises(LeaseLost):
        former.tick()


def test_one_stop_that_fails_keeps_no_other_from_being_stopped() -> None:
    simulation = Simulation(a_spec(max_trials=2, max_parallel=2), script=runs_for(1000))
    simulation.run(for_seconds=2)
    first, second = (attempt.attempt_id for attempt in simulation.snapshot.attempts)
    stop, failed = simulation.launcher.stop, list[AttemptId]()

    def failing(attempt_id: AttemptId, *, reason: ExitReason) -> None:
        if attempt_id == first and not failed:
            failed.append(attempt_id)
            raise DiskFull("no space left")
        stop(attempt_id, reason=reason)

    simulation.launcher.stop = failing
    simulation.store.request(SWEEP, SweepRequest.CANCEL)
    with pytest.raises(DiskFull):
        simulation.controller.tick()

    assert [attempt_id for attempt_id, _ in simulation.launcher.stopped] == [second]
    simulation.run_to_end()
    assert simulation.launcher.n_alive == 0


def test_when_one_finds_no_place_the_others_are_not_tried() -> None:
    simulation = Simulation(a_spec(max_trials=9, max_parallel=9), script=runs_for(1000))
    simulation.launcher.capacity = 2
    tried: list[str] = []
    simulation.hook = tried.append

    simulation.run(for_seconds=2)

    assert simulation.launcher.n_alive == 2
    launches = tried.count("before launch")
    ticks = tried.count("before poll")
    assert launches <= 2 + ticks
    assert states(simulation.snapshot).count(RunState.QUEUED) == 7


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_an_objective_that_is_no_number_is_a_failure_that_says_so(value: float) -> None:
    simulation = Simulation(
        a_spec(max_trials=1),
        script=ends_with(Exit(reason=ExitReason.COMPLETED), reports=((1.0, 4, value),)),
    )

    simulation.run_to_end()

    assert simulation.trial(1).state is RunState.FAILED
    assert simulation.trial(1).reason == f"loss is {value} at resource level 4"


def test_a_launch_that_is_rejected_fails_the_trial_and_says_why() -> None:
    def script(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(rejected="9 GPUs asked for, there are 2")

    simulation = Simulation(a_spec(max_trials=2, max_failures=5), script=script)

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.FAILED] * 2
    assert simulation.trial(1).reason == "could not be started: 9 GPUs asked for, there are 2"
    assert len(snapshot.attempts) == 2


# Reports, early and late


def test_a_script_that_never_reports_fails_after_a_grace_of_five_seconds() -> None:
    simulation = Simulation(
        a_spec(max_trials=1), script=ends_with(Exit(reason=ExitReason.COMPLETED))
    )

    before = simulation.run(for_seconds=7.5)
    simulation.run_to_end()

    assert states(before) == [RunState.RUNNING]
    assert simulation.trial(1).state is RunState.FAILED
    assert simulation.trial(1).reason == (
        "no objective: the script ended without reporting 'loss'; call run.report(level, loss=…)"
    )
    assert simulation.trial(1).ended_at == at(3)


def test_a_report_within_the_grace_still_counts() -> None:
    simulation = Simulation(
        a_spec(max_trials=1), script=ends_with(Exit(reason=ExitReason.COMPLETED))
    )
    simulation.run(for_seconds=5)
    simulation.store.report(simulation.trial(1).run_id, 1, 0.25)

    simulation.run_to_end()

    assert simulation.trial(1).state is RunState.COMPLETED
    assert simulation.trial(1).objective == 0.25


def test_a_report_after_the_end_is_answered_and_changes_nothing() -> None:
    simulation = Simulation(a_spec(max_trials=3, max_parallel=1))
    simulation.run(for_seconds=4)
    before = simulation.trial(1)
    simulation.store.report(before.run_id, 99, 0.0)

    snapshot = simulation.run_to_end()

    assert before.state is RunState.COMPLETED
    assert simulation.trial(1) == before
    late = [report for report in snapshot.reports if report.resource_level == 99]
    assert [report.decision for report in late] == [Decision.CONTINUE]
    check_record(snapshot, simulation.launcher.launched)


def test_the_same_report_twice_is_decided_once() -> None:
    scheduler = ScriptedScheduler({})
    simulation = Simulation(a_spec(max_trials=1), strategy=scheduler.strategy)
    simulation.run(for_seconds=3)
    simulation.store.report(simulation.trial(1).run_id, 1, 0.0)

    simulation.run_to_end()

    assert len(scheduler.seen) == 1
    assert simulation.trial(1).objective == simulation.trial(1).configuration["x"]


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


# Time


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


# Outages and other controllers


def test_a_trial_without_a_free_slot_is_queued_and_starts_later() -> None:
    simulation = Simulation(a_spec(max_trials=3, max_parallel=3), capacity=1)

    simulation.settle()
    early = simulation.snapshot
    snapshot = simulation.run_to_end()

    assert states(early) == [RunState.RUNNING, RunState.QUEUED, RunState.QUEUED]
    assert early.trials[1].reason == "waits for a free slot"
    assert states(snapshot) == [RunState.COMPLETED] * 3
    assert simulation.trial(3).reason == ""
    assert len(simulation.launcher.launched) == len(snapshot.attempts) == 3


@pytest.mark.parametrize(
    "call",
    [
        f"{when} {method}"
        for method in ("take_over", "load", "apply", "launch", "stop", "poll")
        for when in ("before", "after")
    ],
)
@pytest.mark.parametrize("occurrence", [1, 2, 5])
@pytest.mark.parametrize(
    "error", [StorageUnavailable("down"), LauncherUnavailable("down"), Killed()], ids=repr
)
def test_an_outage_in_the_middle_of_a_call_costs_nothing(
    call: str, occurrence: int, error: BaseException
) -> None:
    spec = a_spec(max_trials=4, trial_timeout=seconds(2.5))
    usual = Simulation(spec).run_to_end()
    simulation = Simulation(spec, hook=RaiseOn(call, error, occurrence=occurrence))

    snapshot = simulation.run_to_end()

    check_record(snapshot, simulation.launcher.launched)
    assert len(simulation.launcher.launched) == 4
    assert snapshot == usual


def test_trials_that_ended_are_told_although_a_launch_failed_in_the_same_tick() -> None:
    hook = RaiseOn("before launch", LauncherUnavailable("down"), occurrence=2)
    simulation = Simulation(a_spec(max_trials=3, max_parallel=1), hook=hook)

    simulation.run_to_end()

    assert hook.has_raised
    assert [trial.number for trial in simulation.ended] == [1, 2, 3]


def test_trials_that_ended_are_told_although_the_answer_of_the_store_got_lost() -> None:
    simulation = Simulation(a_spec(max_trials=3, max_parallel=1))

    class WhenTrialsEnd:
        def __call__(self, call: str) -> None:
            concluded = simulation.snapshot.concluded
            if call == "after apply" and len(concluded) > self.n_seen:
                self.n_seen = len(concluded)
                raise StorageUnavailable("down")

        n_seen = 0

    simulation.hook = WhenTrialsEnd()
    simulation.run_to_end()

    assert [trial.number for trial in simulation.ended] == [1, 2, 3]


def test_an_interrupt_between_plan_and_write_leaves_the_search_as_it_was() -> None:
    spec = a_spec(strategy="bayes", max_trials=6, max_parallel=1, initial_points=2)
    usual = Simulation(spec).run_to_end()
    simulation = Simulation(spec, hook=RaiseOn("before apply", KeyboardInterrupt(), occurrence=5))

    with pytest.raises(KeyboardInterrupt):
        simulation.run_to_end()
    snapshot = simulation.run_to_end()

    assert snapshot.suggestions == usual.suggestions


def test_a_former_controller_finds_out_at_its_next_write_and_touches_nothing() -> None:
    simulation = Simulation(a_spec(max_trials=4, max_parallel=1))
    former = simulation.controller
    simulation.settle()
    simulation.controller = simulation.new_controller()
    simulation.run(for_seconds=10)
    before, launched = simulation.snapshot, list(simulation.launcher.launched)

    with pytest.raises(LeaseLost):
        former.tick()

    assert simulation.snapshot == before
    assert simulation.launcher.launched == launched
    assert simulation.run_to_end().sweep.state is SweepState.COMPLETED


def test_a_former_controller_does_not_launch_what_waits_for_a_slot() -> None:
    simulation = Simulation(a_spec(max_trials=2, max_parallel=2), capacity=1)
    former = simulation.controller
    simulation.settle()
    simulation.new_controller().tick()
    simulation.launcher.capacity = 2

    with pytest.raises(LeaseLost):
        former.tick()

    assert len(simulation.launcher.launched) == 1


def test_two_controllers_that_take_turns_run_the_sweep_once() -> None:
    simulation = Simulation(a_spec(max_trials=6, max_parallel=2))

    for turn in range(200):
        if turn % 3 == 0:
            simulation.controller = simulation.new_controller()
        if simulation.tick().state.is_terminal:
            break
        simulation.clock.advance(0.5)

    snapshot = simulation.snapshot
    assert states(snapshot) == [RunState.COMPLETED] * 6
    assert len(simulation.launcher.launched) == 6
    check_record(snapshot, simulation.launcher.launched)


def test_a_new_controller_adopts_what_is_alive() -> None:
    simulation = Simulation(a_spec(max_trials=2, max_parallel=2))
    simulation.settle()

    simulation.controller = simulation.new_controller()
    simulation.settle()

    assert len(simulation.launcher.launched) == 2
    assert {a.state for a in simulation.snapshot.attempts} == {AttemptState.RUNNING}


def test_the_same_seed_searches_the_same_and_another_one_elsewhere() -> None:
    def configurations(seed: int) -> list[Configuration]:
        spec = a_spec(seed=seed, objective=SCORE if seed % 2 else LOSS)
        return [trial.configuration for trial in Simulation(spec).run_to_end().trials]

    assert configurations(3) == configurations(3)
    assert configurations(3) != configurations(5)


def test_every_trial_has_a_seed_of_its_own() -> None:
    snapshot = Simulation(a_spec(max_trials=20, max_parallel=20)).run_to_end()

    assert len({trial.seed for trial in snapshot.trials}) == 20
