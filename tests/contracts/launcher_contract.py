"""What every `TrialLauncher` promises. Subclass it and provide the fixtures."""

import secrets
import time
from collections.abc import Callable

from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus, TrialLauncher
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest

#: Another one in each process: leftovers are found by name, across the whole machine or cluster.
SWEEP = SweepId(f"contract-{secrets.token_hex(4)}")


def wait_for(
    launcher: TrialLauncher,
    attempt_id: AttemptId,
    phase: AttemptPhase,
    *,
    sweep_id: SweepId = SWEEP,
    seconds: float = 30,
    sleep: Callable[[float], None] = time.sleep,
) -> AttemptStatus:
    """The attempt's status once it is in `phase`."""
    status = None
    for _ in range(round(seconds / 0.02)):
        status = launcher.poll(sweep_id, [attempt_id]).get(attempt_id)
        if status is not None and status.phase is phase:
            return status
        sleep(0.02)
    raise AssertionError(f"{attempt_id} is not {phase} after {seconds} s: {status}")


class TrialLauncherContract:
    """What subclasses provide.

    Fixtures: `launcher`; `quick`, `broken` and `long` make requests for a trial number: one that
    ends well, one that says boom and exits with 3, one that runs for a minute; `sleep` lets time
    pass, real or simulated.
    """

    def test_what_was_never_launched_is_unknown(self, launcher: TrialLauncher) -> None:
        assert launcher.poll(SWEEP, [AttemptId(f"{SWEEP}-00001-a1")]) == {}

    def test_an_attempt_that_ends_well_is_completed(
        self,
        launcher: TrialLauncher,
        quick: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.launch(quick(1))

        status = wait_for(launcher, quick(1).attempt_id, AttemptPhase.EXITED, sleep=sleep)

        assert status.exit is not None
        assert status.exit.reason is ExitReason.COMPLETED
        assert status.started_at is not None
        assert status.ended_at is not None
        assert status.ended_at >= status.started_at

    def test_an_attempt_that_fails_says_how(
        self,
        launcher: TrialLauncher,
        broken: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.launch(broken(1))

        status = wait_for(launcher, broken(1).attempt_id, AttemptPhase.EXITED, sleep=sleep)

        assert status.exit is not None
        assert status.exit.reason is ExitReason.SCRIPT_FAILED
        assert status.exit.code == 3
        assert "boom" in status.exit.message

    def test_launching_again_starts_nothing(
        self,
        launcher: TrialLauncher,
        quick: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.launch(quick(1))
        first = wait_for(launcher, quick(1).attempt_id, AttemptPhase.EXITED, sleep=sleep)

        launcher.launch(quick(1))

        assert launcher.poll(SWEEP, [quick(1).attempt_id]) == {quick(1).attempt_id: first}

    def test_the_first_reason_to_stop_is_the_one_that_counts(
        self,
        launcher: TrialLauncher,
        long: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.launch(long(1))
        wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING, sleep=sleep)

        launcher.stop(long(1).attempt_id, reason=ExitReason.STALLED)
        launcher.stop(long(1).attempt_id, reason=ExitReason.CANCELLED)

        status = wait_for(launcher, long(1).attempt_id, AttemptPhase.EXITED, sleep=sleep)
        assert status.exit is not None
        assert status.exit.reason is ExitReason.STALLED

    def test_stopping_what_is_gone_is_success(
        self,
        launcher: TrialLauncher,
        quick: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.launch(quick(1))
        wait_for(launcher, quick(1).attempt_id, AttemptPhase.EXITED, sleep=sleep)

        launcher.stop(quick(1).attempt_id, reason=ExitReason.CANCELLED)
        launcher.stop(AttemptId(f"{SWEEP}-00099-a1"), reason=ExitReason.CANCELLED)

        status = launcher.poll(SWEEP, [quick(1).attempt_id])[quick(1).attempt_id]
        assert status.exit is not None
        assert status.exit.reason is ExitReason.COMPLETED

    def test_reaping_ends_the_sweeps_attempts_and_counts_them(
        self,
        launcher: TrialLauncher,
        quick: Callable[[int], LaunchRequest],
        long: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.launch(quick(1))
        wait_for(launcher, quick(1).attempt_id, AttemptPhase.EXITED, sleep=sleep)
        launcher.launch(long(2))
        wait_for(launcher, long(2).attempt_id, AttemptPhase.RUNNING, sleep=sleep)

        assert launcher.reap(SWEEP) == 1
        assert launcher.reap(SWEEP) == 0
        wait_for(launcher, long(2).attempt_id, AttemptPhase.EXITED, sleep=sleep)

    def test_a_stopped_attempt_is_seen_by_its_reason_and_not_by_its_signal(
        self,
        launcher: TrialLauncher,
        long: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.launch(long(1))
        running = wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING, sleep=sleep)
        assert running.exit is None

        launcher.stop(long(1).attempt_id, reason=ExitReason.TIMED_OUT)

        status = wait_for(launcher, long(1).attempt_id, AttemptPhase.EXITED, sleep=sleep)
        assert status.exit is not None
        assert status.exit.reason is ExitReason.TIMED_OUT

    def test_what_was_stopped_before_its_launch_never_starts(
        self,
        launcher: TrialLauncher,
        long: Callable[[int], LaunchRequest],
        quick: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.stop(long(1).attempt_id, reason=ExitReason.CANCELLED)

        launcher.launch(long(1))
        launcher.launch(quick(2))  # another one is not meant

        wait_for(launcher, quick(2).attempt_id, AttemptPhase.EXITED, sleep=sleep)
        status = launcher.poll(SWEEP, [long(1).attempt_id]).get(long(1).attempt_id)
        assert status is None or status.phase is AttemptPhase.EXITED
        assert launcher.reap(SWEEP) == 0

    def test_nothing_of_a_reaped_sweep_starts_any_more(
        self,
        launcher: TrialLauncher,
        long: Callable[[int], LaunchRequest],
    ) -> None:
        launcher.reap(SWEEP)

        launcher.launch(long(1))

        status = launcher.poll(SWEEP, [long(1).attempt_id]).get(long(1).attempt_id)
        assert status is None or status.phase is AttemptPhase.EXITED
        assert launcher.reap(SWEEP) == 0

    def test_reaping_leaves_other_sweeps_alone(
        self,
        launcher: TrialLauncher,
        long: Callable[[int], LaunchRequest],
        sleep: Callable[[float], None],
    ) -> None:
        launcher.launch(long(1))
        wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING, sleep=sleep)
        prefix = SweepId(SWEEP.rpartition("-")[0])  # a sweep whose name begins alike

        assert launcher.reap(prefix) == 0

        status = launcher.poll(SWEEP, [long(1).attempt_id])[long(1).attempt_id]
        assert status.phase is AttemptPhase.RUNNING
        launcher.stop(long(1).attempt_id, reason=ExitReason.CANCELLED)

    def test_only_the_asked_attempts_are_told(
        self, launcher: TrialLauncher, quick: Callable[[int], LaunchRequest]
    ) -> None:
        for number in (1, 2):
            launcher.launch(quick(number))

        assert set(launcher.poll(SWEEP, [quick(2).attempt_id])) == {quick(2).attempt_id}
