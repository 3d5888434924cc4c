"""A rerun is followed to its end, whatever happens beside it."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestration.platform import Platform
from orchestration.reruns import execution as rerun_execution
from orchestration.reruns.execution import execute
from sweeps.errors import LauncherUnavailable, LaunchRejected, StorageUnavailable
from sweeps.ids import AttemptId, RunId, SweepId, TenantId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.specs import Resources
from sweeps.states import ExitReason, RunState
from sweeps.trials import Exit, LaunchRequest

ATTEMPT = AttemptId("scratch-aaaaaaaaaaaa-a1")
REQUEST = LaunchRequest(
    attempt_id=ATTEMPT, run_id=RunId("scratch-aaaaaaaaaaaa"), sweep_id=SweepId("scratch"),
    command=("true",), environment={}, resources=Resources(), source_dir="",
)  # fmt: skip


class Launcher:
    """Fails as it is told, and then ends its attempt well."""

    def __init__(self, *failures: BaseException | None, at_launch: Exception | None = None) -> None:
        self.failures = list(failures)
        self.at_launch = at_launch
        self.stopped: list[AttemptId] = []

    def launch(self, request: LaunchRequest) -> None:
        failure, self.at_launch = self.at_launch, None
        if failure is not None:
            raise failure

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        self.stopped.append(attempt_id)

    def poll(
        self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]
    ) -> Mapping[AttemptId, AttemptStatus]:
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        reason = ExitReason.CANCELLED if self.stopped else ExitReason.COMPLETED
        status = AttemptStatus(
            attempt_id=ATTEMPT, phase=AttemptPhase.EXITED, exit=Exit(reason=reason)
        )
        return {ATTEMPT: status}


class Records:
    """Ends of runs; may be away for some calls."""

    def __init__(self, *, away: int = 0) -> None:
        self.away = away
        self.ends: list[tuple[RunState, str]] = []

    def end(self, run_id: RunId, state: RunState, *, reason: str) -> None:
        if self.away:
            self.away -= 1
            raise StorageUnavailable("it restarts", retry_after_seconds=0.01)
        self.ends.append((state, reason))


def run(launcher: Launcher, records: Records) -> tuple[RunState, str]:
    runs = SimpleNamespace(beat=lambda *_, **__: None)
    platform = cast("Platform", SimpleNamespace(reruns=records, runs=runs))
    return execute(platform, cast("Any", launcher), REQUEST, tenant_id=TenantId("default"))


def away() -> LauncherUnavailable:
    return LauncherUnavailable("the API server restarts", retry_after_seconds=0.01)


def test_an_outage_of_what_executes_it_is_waited_out() -> None:
    launcher, records = Launcher(away(), away(), at_launch=away()), Records()

    assert run(launcher, records) == (RunState.COMPLETED, "")
    assert (launcher.stopped, records.ends) == ([], [])


def test_one_that_lasts_ends_the_rerun_and_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerun_execution, "_OUTAGE_SECONDS", 0.0)
    launcher, records = Launcher(away()), Records(away=2)

    with pytest.raises(LauncherUnavailable):
        run(launcher, records)

    assert launcher.stopped == [ATTEMPT]
    assert records.ends == [(RunState.FAILED, "the API server restarts")]


def test_a_person_who_interrupts_stops_it() -> None:
    launcher, records = Launcher(KeyboardInterrupt()), Records()

    with pytest.raises(KeyboardInterrupt):
        run(launcher, records)

    assert launcher.stopped == [ATTEMPT]
    assert [state for state, _ in records.ends] == [RunState.CANCELLED]


def test_a_defect_leaves_no_script_behind() -> None:
    launcher, records = Launcher(ValueError("a defect")), Records()

    with pytest.raises(ValueError, match="a defect"):
        run(launcher, records)

    assert launcher.stopped == [ATTEMPT]
    assert [state for state, _ in records.ends] == [RunState.FAILED]


def test_what_was_never_launched_is_not_stopped() -> None:
    launcher, records = Launcher(at_launch=LaunchRejected("no image")), Records()

    with pytest.raises(LaunchRejected):
        run(launcher, records)

    assert (launcher.stopped, records.ends) == ([], [(RunState.FAILED, "no image")])
