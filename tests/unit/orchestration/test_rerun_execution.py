"""A rerun is admitted, launched, and followed to its end, whatever happens beside it."""

from collections.abc import Collection, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from governance.budgets.forecasts import OverBudget
from orchestration.platform import Platform
from orchestration.reruns import attempt as rerun_attempt
from orchestration.reruns import execution as rerun_execution
from orchestration.reruns import turn as rerun_turn
from orchestration.reruns.execution import execute
from orchestration.reruns.requests import RerunRefused
from orchestration.reruns.turn import RerunGivenUp
from sweeps.errors import (
    HeldBack,
    LauncherUnavailable,
    LaunchRejected,
    NoCapacity,
    StorageUnavailable,
)
from sweeps.ids import AttemptId, RunId, SweepId, TenantId
from sweeps.ports import Admission, AttemptPhase, AttemptStatus
from sweeps.rerun_demand import RerunDemand
from sweeps.specs import Resources
from sweeps.states import AttemptState, ExitReason, RunState
from sweeps.trials import Attempt, Exit, LaunchRequest

ATTEMPT = AttemptId("scratch-aaaaaaaaaaaa-a1")
RERUN = RunId("scratch-aaaaaaaaaaaa")
REQUEST = LaunchRequest(
    attempt_id=ATTEMPT, run_id=RERUN, sweep_id=SweepId("scratch"),
    command=("true",), environment={}, resources=Resources(), source_dir="",
)  # fmt: skip
DEMAND = RerunDemand(
    repeats=RunId("digits-aaaaaaaa-00001"), tenant_id=TenantId("vision"), experiment="digits",
    owner="ana", resources=Resources(),
)  # fmt: skip
ADMITTED = Admission(is_admitted=True)


class Launcher:
    """Fails as it is told, and then ends its attempt well."""

    def __init__(
        self,
        *looks: BaseException | AttemptStatus | None,
        at_launch: Iterable[Exception] = (),
    ) -> None:
        self.looks = list(looks)
        self.at_launch = list(at_launch)
        self.launches = 0
        self.stopped: list[ExitReason] = []

    def launch(self, request: LaunchRequest) -> None:
        self.launches += 1
        if self.at_launch:
            raise self.at_launch.pop(0)

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        self.stopped.append(reason)

    def poll(
        self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]
    ) -> Mapping[AttemptId, AttemptStatus]:
        if self.looks and not self.stopped:
            look = self.looks.pop(0)
            if isinstance(look, BaseException):
                raise look
            return {} if look is None else {ATTEMPT: look}
        reason = self.stopped[0] if self.stopped else ExitReason.COMPLETED
        status = AttemptStatus(
            attempt_id=ATTEMPT, phase=AttemptPhase.EXITED, exit=Exit(reason=reason), gpu_count=1
        )
        return {ATTEMPT: status}


class Records:
    """Rows of reruns; may be away for some calls."""

    def __init__(self, *, away: int = 0, open_for: int = 1000) -> None:
        self.away = away
        self.open_for = open_for
        self.beats = 0
        self.ends: list[tuple[RunState, str]] = []
        self.attempts: list[Attempt] = []
        self.states: list[str] = []

    def end(self, run_id: RunId, state: RunState, *, reason: str) -> None:
        if self.away:
            self.away -= 1
            raise StorageUnavailable("it restarts", retry_after_seconds=0.01)
        self.ends.append((state, reason))

    def start(self, run_id: RunId) -> None:
        self.states.append("running")

    def queue(self, run_id: RunId, *, reason: str) -> None:
        self.states.append("queued")

    def beat(self, attempt_id: AttemptId) -> bool:
        self.beats += 1
        return self.beats <= self.open_for

    def note_attempt(self, attempt: Attempt) -> bool:
        self.attempts.append(attempt)
        return True

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]


class Desk:
    """Answers as it is told, and then admits."""

    def __init__(self, *answers: Admission | BaseException, begins: Iterable[bool] = ()) -> None:
        self.answers = list(answers)
        self.begins = list(begins)
        self.without_place = 0
        self.gave_way: list[tuple[AttemptId, str]] = []

    def ask_for_rerun(self, attempt_id: AttemptId, demand: RerunDemand) -> Admission:
        answer = self.answers.pop(0) if self.answers else ADMITTED
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def begin_launch(self, sweep_id: SweepId, attempt_id: AttemptId) -> bool:
        assert sweep_id == RERUN
        return self.begins.pop(0) if self.begins else True

    def found_no_place(self, attempt_id: AttemptId) -> None:
        self.without_place += 1

    def give_way(self, attempt_ids: Collection[AttemptId], *, reason: str) -> None:
        self.gave_way += [(attempt_id, reason) for attempt_id in attempt_ids]


class Gate:
    """Says what budgets do to a rerun."""

    def __init__(self, *, refusal: str = "", ends: str = "") -> None:
        self.refusal = refusal
        self.ends = ends

    def check_rerun(self, demand: RerunDemand) -> None:
        if self.refusal:
            raise OverBudget(self.refusal)

    def ends_rerun(self, demand: RerunDemand) -> str:
        return self.ends


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerun_turn, "_ASK_SECONDS", 0.0)
    monkeypatch.setattr(rerun_turn, "_BUDGET_SECONDS", 0.0)
    monkeypatch.setattr(rerun_execution, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(rerun_execution, "_BUDGET_SECONDS", 0.0)
    monkeypatch.setattr(rerun_attempt, "_BEAT_SECONDS", 0.0)


def run(
    launcher: Launcher,
    records: Records,
    desk: Desk | None = None,
    gate: Gate | None = None,
    said: list[str] | None = None,
) -> tuple[RunState, str]:
    parts = SimpleNamespace(
        reruns=records,
        desk=desk or Desk(),
        budget_gate=gate or Gate(),
        claims=SimpleNamespace(under_way=lambda: (), untold_ends=lambda limit: ()),
        has_daemon=True,
    )
    say = (said if said is not None else []).append
    return execute(cast("Platform", parts), cast("Any", launcher), REQUEST, DEMAND, say=say)


def running(**facts: Any) -> AttemptStatus:
    return AttemptStatus(attempt_id=ATTEMPT, phase=AttemptPhase.RUNNING, **facts)


def away() -> LauncherUnavailable:
    return LauncherUnavailable("the API server restarts", retry_after_seconds=0.01)


def test_an_outage_of_what_executes_it_is_waited_out() -> None:
    launcher, records = Launcher(away(), away(), at_launch=[away()]), Records()

    assert run(launcher, records) == (RunState.COMPLETED, "")
    assert (launcher.stopped, records.ends) == ([], [])
    assert records.beats == 4  # one for its turn, and one for each failure: nobody gives it up


def test_one_that_lasts_ends_the_rerun_and_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerun_execution, "OUTAGE_SECONDS", 0.0)
    launcher, records = Launcher(away()), Records(away=2)

    with pytest.raises(LauncherUnavailable):
        run(launcher, records)

    assert launcher.stopped == [ExitReason.CANCELLED]
    assert records.ends == [(RunState.FAILED, "the API server restarts")]


def test_a_person_who_interrupts_stops_it() -> None:
    launcher, records = Launcher(KeyboardInterrupt()), Records()

    with pytest.raises(KeyboardInterrupt):
        run(launcher, records)

    assert launcher.stopped == [ExitReason.CANCELLED]
    assert [state for state, _ in records.ends] == [RunState.CANCELLED]


def test_a_defect_leaves_no_script_behind() -> None:
    launcher, records = Launcher(ValueError("a defect")), Records()

    with pytest.raises(ValueError, match="a defect"):
        run(launcher, records)

    assert launcher.stopped == [ExitReason.CANCELLED]
    assert [state for state, _ in records.ends] == [RunState.FAILED]


def test_what_was_never_launched_is_not_stopped() -> None:
    launcher, records = Launcher(at_launch=[LaunchRejected("no image")]), Records()

    with pytest.raises(LaunchRejected):
        run(launcher, records)

    assert (launcher.stopped, records.ends) == ([], [(RunState.FAILED, "no image")])
    assert (records.last.state, records.last.started_at) == (AttemptState.ENDED, None)
    assert records.last.exit == Exit(reason=ExitReason.LAUNCH_FAILED, message="no image")


def test_it_waits_for_its_turn_and_says_why_once() -> None:
    wait = Admission(is_admitted=False, reason="vision holds 2 of 2 GPUs", place=3)
    launcher, records, said = Launcher(), Records(), list[str]()

    run(launcher, records, Desk(wait, wait, wait), said=said)

    assert said == ["vision holds 2 of 2 GPUs; place 3 in the queue", f"running {RERUN}"]
    assert launcher.launches == 1
    assert records.states == ["running"]


def test_one_that_lost_its_admission_asks_again() -> None:
    launcher, records = Launcher(), Records()

    assert run(launcher, records, Desk(begins=[False, True])) == (RunState.COMPLETED, "")

    assert launcher.launches == 1


def test_one_without_a_free_slot_is_queued_again_and_keeps_its_admission() -> None:
    launcher = Launcher(at_launch=[NoCapacity("2 of 2 cores in use")] * 2)
    records, desk, said = Records(), Desk(), list[str]()

    run(launcher, records, desk, said=said)

    assert said == ["waits for a free slot", f"running {RERUN}"]
    assert desk.without_place == 2
    assert records.states == ["running", "queued"] * 2 + ["running"]


def test_one_that_is_held_back_says_so_and_holds_nothing_meanwhile() -> None:
    peak = HeldBack("waits for the peak to be over", retry_after_seconds=0.01)
    launcher, desk, said = Launcher(at_launch=[peak] * 2), Desk(), list[str]()

    run(launcher, Records(), desk, said=said)

    assert said == ["waits for the peak to be over", f"running {RERUN}"]
    assert desk.gave_way == [(ATTEMPT, str(peak))] * 2, "others pass it meanwhile"


def test_who_interrupts_while_it_waits_leaves_nothing_that_was_launched() -> None:
    launcher, records = Launcher(), Records()

    with pytest.raises(KeyboardInterrupt):
        run(launcher, records, Desk(KeyboardInterrupt()))

    assert (launcher.launches, launcher.stopped) == (0, [])
    assert records.last.state is AttemptState.ENDED
    assert records.last.exit == Exit(reason=ExitReason.CANCELLED)
    assert records.ends == [(RunState.CANCELLED, "interrupted by a person")]


def test_what_can_never_start_is_refused() -> None:
    never = Admission(
        is_admitted=False, reason="asks for more than it can ever have", is_hopeless=True
    )
    launcher, records = Launcher(), Records()

    with pytest.raises(RerunRefused, match="asks for more than it can ever have"):
        run(launcher, records, Desk(never))

    assert launcher.launches == 0
    assert records.last.state is AttemptState.ENDED


def test_a_budget_that_is_spent_while_it_waits_refuses_it() -> None:
    launcher, records = Launcher(), Records()
    wait = Admission(is_admitted=False, reason="budget march has $0.00 left")

    with pytest.raises(OverBudget, match="march"):
        run(launcher, records, Desk(wait), Gate(refusal="budget is spent: march"))

    assert records.ends == [(RunState.FAILED, "budget is spent: march")]
    assert records.last.state is AttemptState.ENDED


def test_a_budget_that_lets_nobody_finish_ends_it() -> None:
    launcher, records = Launcher(running(), running()), Records()

    found = run(launcher, records, gate=Gate(ends="budget is spent: march"))

    assert found == (RunState.STOPPED, "budget is spent: march")
    assert launcher.stopped == [ExitReason.STOPPED]


def test_what_its_launcher_says_is_written_down_when_it_is_new() -> None:
    launcher = Launcher(running(node="here"), running(node="here"), running(gpu_model="A100"))
    records = Records()

    run(launcher, records)

    states = [(one.state, one.node, one.gpu_model, one.gpu_count) for one in records.attempts]
    assert states == [
        (AttemptState.RUNNING, "here", "", 0),
        (AttemptState.RUNNING, "here", "A100", 0),
        (AttemptState.ENDED, "here", "A100", 1),
    ]
    assert records.last.ended_at is not None


def test_one_that_is_gone_after_it_ran_is_lost() -> None:
    records = Records()

    state, reason = run(Launcher(None, running(), None), records)

    assert (state, reason) == (RunState.FAILED, "lost: nothing is known of it any more")
    assert records.last.exit is not None
    assert records.last.exit.reason is ExitReason.LOST


def test_one_that_others_have_ended_is_not_launched() -> None:
    launcher = Launcher()

    with pytest.raises(RerunGivenUp):
        run(launcher, Records(open_for=0))

    assert launcher.launches == 0


def test_one_that_others_have_ended_is_stopped() -> None:
    launcher, records = Launcher(running(), running()), Records(open_for=1)

    state, reason = run(launcher, records)

    assert launcher.stopped == [ExitReason.LOST]
    assert state is RunState.FAILED
    assert "nothing was heard" in reason
