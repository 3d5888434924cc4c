"""What goes wrong with scripts, machines and other controllers, in simulated time."""

import pytest

from sweeps.errors import (
    DiskFull,
    LauncherUnavailable,
    LeaseLost,
    StorageUnavailable,
)
from sweeps.ids import AttemptId
from sweeps.spaces import Configuration
from sweeps.states import (
    AttemptState,
    Decision,
    ExitReason,
    RunState,
    SweepRequest,
    SweepState,
)
from sweeps.trials import Exit
from tests.factories import SWEEP, a_spec, at, seconds
from tests.fakes import (
    Behaviour,
    ScriptedScheduler,
)
from tests.simulation import (
    KILLED,
    SCRIPT_FAILED,
    Killed,
    RaiseOn,
    Simulation,
    check_record,
    ends_with,
    good_trial,
    runs_for,
    states,
)

# Failures and retries


@pytest.mark.parametrize("reason", [reason for reason in ExitReason if reason.is_infrastructure])
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
    simulation = Simulation(a_spec(max_trials=1, max_attempts=3), script=ends_with(KILLED))

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.FAILED]
    assert len(snapshot.attempts) == 3
    assert simulation.trial(1).reason == "killed by signal 9 from outside; gave up after 3 attempts"


def test_what_a_cluster_had_no_place_for_rests_longer_each_time() -> None:
    evicted = Exit(reason=ExitReason.EVICTED, message="drained")
    simulation = Simulation(a_spec(max_trials=1, max_attempts=4), script=ends_with(evicted))

    snapshot = simulation.run_to_end()

    started = [attempt.started_at for attempt in snapshot.attempts]
    ended = [attempt.ended_at for attempt in snapshot.attempts]
    rests = [
        (start - end).total_seconds()
        for start, end in zip(started[1:], ended, strict=False)
        if start and end
    ]
    assert rests == [5.0, 10.0, 20.0]
    assert simulation.trial(1).reason.endswith("drained; gave up after 4 attempts")


def test_preemptions_use_up_no_attempts() -> None:
    def script(_: Configuration, attempt: int) -> Behaviour:
        ends = {1: Exit(reason=ExitReason.PREEMPTED), 2: Exit(reason=ExitReason.EVICTED), 4: KILLED}
        return Behaviour(duration=10, exit=ends.get(attempt, Exit(reason=ExitReason.PREEMPTED)),
                         capacity="spot")  # fmt: skip

    simulation = Simulation(a_spec(max_trials=1, max_attempts=2, max_preemptions=6), script=script)

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.FAILED]
    assert len(snapshot.attempts) == 8, "six and one more were preempted, one was killed"
    assert simulation.trial(1).reason.endswith("gave up after 7 preemptions")


def test_a_trial_goes_on_after_any_number_of_preemptions_below_its_bound() -> None:
    def script(_: Configuration, attempt: int) -> Behaviour:
        if attempt <= 9:
            return Behaviour(duration=10, exit=Exit(reason=ExitReason.PREEMPTED))
        return good_trial(_, attempt)

    simulation = Simulation(a_spec(max_trials=1, max_attempts=1), script=script)

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.COMPLETED]
    assert len(snapshot.attempts) == 10


def test_what_rests_says_so_and_ends_with_its_sweep() -> None:
    evicted = Exit(reason=ExitReason.EVICTED)
    simulation = Simulation(a_spec(max_trials=1), script=ends_with(evicted))
    simulation.run(for_seconds=5)
    assert simulation.trial(1).state is RunState.QUEUED
    assert "rests before it is tried again" in simulation.trial(1).reason

    simulation.store.request(SWEEP, SweepRequest.CANCEL)
    simulation.settle()

    assert simulation.state is SweepState.CANCELLED
    assert len(simulation.launcher.launched) == 1


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
    simulation = Simulation(a_spec(max_trials=4, max_failures=9), script=ends_with(SCRIPT_FAILED))

    snapshot = simulation.run_to_end()

    assert states(snapshot) == [RunState.FAILED] * 4
    assert len(snapshot.attempts) == 4
    assert simulation.trial(1).reason == "the script exited with code 1: ValueError: no"
    assert snapshot.sweep.state is SweepState.FAILED


def test_a_sweep_whose_first_trials_die_of_the_same_error_stops_and_quotes_it() -> None:
    simulation = Simulation(
        a_spec(max_trials=50, max_parallel=2, max_failures=3), script=ends_with(SCRIPT_FAILED)
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


FIRST = AttemptId(f"{SWEEP}-00001-a1")


@pytest.mark.parametrize("ended", [Exit(reason=ExitReason.COMPLETED, code=0), KILLED])
def test_a_trial_that_could_not_send_its_result_is_concluded_with_it(ended: Exit) -> None:
    simulation = Simulation(a_spec(max_trials=1, max_attempts=1), script=ends_with(ended))
    simulation.courier.unheard.add(FIRST)
    simulation.run(for_seconds=600.0)
    assert states(simulation.snapshot) == [RunState.RUNNING]

    simulation.store.report(simulation.trial(1).run_id, 5, 0.25, reported_at=at(2))
    simulation.courier.unheard.clear()
    snapshot = simulation.run_to_end()

    assert simulation.trial(1).objective == 0.25
    assert (snapshot.trials[0].state is RunState.COMPLETED) == (ended is not KILLED)
    assert snapshot.attempts[0].ended_at == at(3)


def test_a_result_that_never_comes_is_not_waited_for_without_end() -> None:
    simulation = Simulation(a_spec(max_trials=1), script=lambda _c, _a: Behaviour())
    simulation.courier.unheard.add(FIRST)

    simulation.run(for_seconds=3 + 14 * 60)
    assert states(simulation.snapshot) == [RunState.RUNNING]
    simulation.run(for_seconds=2 * 60)

    assert states(simulation.snapshot) == [RunState.FAILED]


def test_a_night_without_a_controller_is_no_time_to_have_waited() -> None:
    simulation = Simulation(a_spec(max_trials=1), script=lambda _c, _a: Behaviour())
    simulation.courier.unheard.add(FIRST)
    simulation.settle()
    simulation.clock.advance(12 * 3600)
    simulation.controller = simulation.new_controller()

    simulation.run(for_seconds=60)

    assert states(simulation.snapshot) == [RunState.RUNNING]


def test_a_cancelled_sweep_does_not_wait_for_results() -> None:
    simulation = Simulation(a_spec(max_trials=1), script=lambda _c, _a: Behaviour())
    simulation.courier.unheard.add(FIRST)
    simulation.run(for_seconds=10)

    simulation.store.request(SWEEP, SweepRequest.CANCEL)

    assert simulation.run(for_seconds=2).sweep.state is SweepState.CANCELLED


def test_the_same_report_twice_is_decided_once() -> None:
    scheduler = ScriptedScheduler({})
    simulation = Simulation(a_spec(max_trials=1), strategy=scheduler.strategy)
    simulation.run(for_seconds=3)
    simulation.store.report(simulation.trial(1).run_id, 1, 0.0)

    simulation.run_to_end()

    assert len(scheduler.seen) == 1
    assert simulation.trial(1).objective == simulation.trial(1).configuration["x"]


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


def test_what_holds_a_trial_back_though_there_is_a_slot_is_told() -> None:
    simulation = Simulation(a_spec(max_trials=2, max_parallel=2))
    simulation.launcher.holds_back = "waits for the peak to be over"

    simulation.settle()
    early = simulation.snapshot
    simulation.launcher.holds_back = ""
    snapshot = simulation.run_to_end()

    assert states(early) == [RunState.QUEUED] * 2
    assert {trial.reason for trial in early.trials} == {"waits for the peak to be over"}
    assert states(snapshot) == [RunState.COMPLETED] * 2


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


# A sweep that nobody goes on with


def test_of_a_sweep_that_is_given_up_the_dead_end_and_the_living_go_on() -> None:
    simulation = Simulation(a_spec(max_trials=3, max_parallel=3), script=runs_for(100.0))
    simulation.settle()
    dead, lost, alive = simulation.launcher.launched
    simulation.clock.advance(5.0)
    simulation.settle()
    simulation.launcher.kill(dead)
    simulation.launcher.lose(lost)

    ended = [simulation.new_controller().end_dead() for _ in range(2)]

    assert ended == [2, 0]
    assert simulation.state is SweepState.RUNNING
    assert simulation.launcher.launched == [dead, lost, alive]  # nothing is launched
    assert simulation.launcher.stopped == []
    live = [a.attempt_id for a in simulation.snapshot.attempts if a.state is AttemptState.RUNNING]
    assert live == [alive]
    ends = {a.attempt_id: a.exit for a in simulation.snapshot.attempts if a.exit is not None}
    assert {name: end.reason for name, end in ends.items()} == {
        dead: ExitReason.KILLED,
        lost: ExitReason.LOST,
    }


def test_whoever_goes_on_after_that_tries_the_dead_again() -> None:
    simulation = Simulation(a_spec(max_trials=2, max_parallel=2), script=runs_for(100.0))
    simulation.settle()
    simulation.clock.advance(5.0)
    simulation.settle()
    for name in list(simulation.launcher.launched):
        simulation.launcher.kill(name)
    simulation.new_controller().end_dead()

    simulation.controller = simulation.new_controller()
    simulation.settle()

    assert [len(simulation.attempts(n)) for n in (1, 2)] == [2, 2]
    assert simulation.launcher.n_alive == 2
