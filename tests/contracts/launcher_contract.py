"""What every `TrialLauncher` promises. Subclass it and provide the fixtures."""

import os
import time
from collections.abc import Callable

from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus, TrialLauncher
from sweeps.states import ExitReason
from sweeps.trials import LaunchRequest

#: Another one in each process: leftovers are found by name, across the whole machine.
SWEEP = SweepId(f"contract-{os.getpid()}")


def wait_for(
    launcher: TrialLauncher,
    attempt_id: AttemptId,
    phase: AttemptPhase,
    *,
    sweep_id: SweepId = SWEEP,
    seconds: float = 15,
) -> AttemptStatus:
    """The attempt's status once it is in `phase`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = launcher.poll(sweep_id, [attempt_id]).get(attempt_id)
        if status is not None and status.phase is phase:
            return status
        time.sleep(0.02)
    raise AssertionError(f"{attempt_id} is not {phase} after {seconds} s: {status}")


class TrialLauncherContract:
    """Fixtures: `launcher`; `quick`, `broken` and `long` make requests for a trial number."""

    def test_what_was_never_launched_is_unknown(self, launcher: TrialLauncher) -> None:
        assert launcher.poll(SWEEP, [AttemptId(f"{SWEEP}-00001-a1")]) == {}

    def test_an_attempt_that_ends_well_is_completed(
        self, launcher: TrialLauncher, quick: Callable[[int], LaunchRequest]
    ) -> None:
        launcher.launch(quick(1))

        status = wait_for(launcher, quick(1).attempt_id, AttemptPhase.EXITED)

        assert status.exit is not None
        assert status.exit.reason is ExitReason.COMPLETED
        assert status.started_at is not None
        assert status.ended_at is not None
        assert status.ended_at >= status.started_at

    def test_an_attempt_that_fails_says_how(
        self, launcher: TrialLauncher, broken: Callable[[int], LaunchRequest]
    ) -> None:
        launcher.launch(broken(1))

        status = wait_for(launcher, broken(1).attempt_id, AttemptPhase.EXITED)

        assert status.exit is not None
        assert status.exit.reason is ExitReason.SCRIPT_FAILED
        assert status.exit.code == 3
        assert "boom" in status.exit.message

    def test_launching_again_starts_nothing(
        self, launcher: TrialLauncher, quick: Callable[[int], LaunchRequest]
    ) -> None:
        launcher.launch(quick(1))
        first = wait_for(launcher, quick(1).attempt_id, AttemptPhase.EXITED)

        launcher.launch(quick(1))

        assert launcher.poll(SWEEP, [quick(1).attempt_id]) == {quick(1).attempt_id: first}

    def test_the_first_reason_to_stop_is_the_one_that_counts(
        self, launcher: TrialLauncher, long: Callable[[int], LaunchRequest]
    ) -> None:
        launcher.launch(long(1))
        wait_for(launcher, long(1).attempt_id, AttemptPhase.RUNNING)

        launcher.stop(long(1).attempt_id, reason=ExitReason.STALLED)
        launcher.stop(long(1).attempt_id, reason=ExitReason.CANCELLED)

        status = wait_for(launcher, long(1).attempt_id, AttemptPhase.EXITED)
        assert status.exit is not None
        assert status.exit.reason is ExitReason.STALLED

    def test_stopping_what_is_gone_is_success(
        self, launcher: TrialLauncher, quick: Callable[[int], LaunchRequest]
    ) -> None:
        launcher.launch(quick(1))
        wait_for(launcher, quick(1).attempt_id, AttemptPhase.EXITED)

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
    ) -> None:
        launcher.launch(quick(1))
        wait_for(launcher, quick(1).attempt_id, AttemptPhase.EXITED)
        launcher.launch(long(2))
        wait_for(launcher, long(2).attempt_id, AttemptPhase.RUNNING)

        assert launcher.reap(SWEEP) == 1
        assert launcher.reap(SWEEP) == 0
        wait_for(launcher, long(2).attempt_id, AttemptPhase.EXITED)
