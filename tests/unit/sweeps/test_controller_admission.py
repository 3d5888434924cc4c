"""The controller and the desk: who is launched, who waits, and what a pause and a crash leave behind."""

import pytest

from governance.quotas.file import parse_quotas
from governance.quotas.quota import Amounts, Quotas, TenantQuota
from sweeps.ids import AttemptId, SweepId
from sweeps.specs import SweepSpec
from sweeps.states import AttemptState, RunState, SweepRequest
from tests.contracts.admission_desk_contract import AdmissionDeskContract
from tests.factories import SWEEP, a_spec
from tests.memory_desk import MemoryDesk
from tests.simulation import Simulation, runs_for


class _MemoryWorld:
    def __init__(self) -> None:
        self.desk = MemoryDesk()

    def another_desk(self) -> MemoryDesk:
        return self.desk

    def write(self, sweep_id: SweepId, spec: SweepSpec, count: int) -> list[AttemptId]:
        return [AttemptId(f"{sweep_id}-{number:05d}-a1") for number in range(1, count + 1)]

    def end(self, attempt_id: AttemptId) -> None:
        self.desk.end(attempt_id)

    def set_policy(self, text: str) -> None:
        self.desk.quotas = parse_quotas(text, source="quotas.yaml")


class TestMemoryDesk(AdmissionDeskContract):
    """Every promise of the port."""

    @pytest.fixture
    def world(self) -> _MemoryWorld:
        return _MemoryWorld()


def two_at_once() -> MemoryDesk:
    return MemoryDesk(Quotas(others=TenantQuota(limits=Amounts(trials=2))))


class _Following(MemoryDesk):
    """Learns from a store's rows who has ended, as the database does."""

    simulation: Simulation

    def ask(self, sweep_id, spec, attempt_ids):  # type: ignore[no-untyped-def]
        for attempt in self.simulation.snapshot.attempts:
            if attempt.exit is not None:
                self.end(attempt.attempt_id)
        return super().ask(sweep_id, spec, attempt_ids)


def simulation(**limits: object) -> Simulation:
    desk = _Following(Quotas(others=TenantQuota(limits=Amounts(trials=2))))
    found = Simulation(a_spec(**limits), script=runs_for(10.0), desk=desk)  # type: ignore[arg-type]
    desk.simulation = found
    return found


def test_only_admitted_attempts_are_launched_and_the_others_say_why_they_wait() -> None:
    sweep = simulation(max_trials=5, max_parallel=5)

    sweep.settle()

    assert len(sweep.launcher.launched) == 2
    queued = [t for t in sweep.snapshot.trials if t.state is RunState.QUEUED]
    assert len(queued) == 3
    assert {trial.reason for trial in queued} == {"tenant default may hold 2 trials at once"}


def test_what_is_held_back_holds_nothing_that_others_could_use() -> None:
    sweep, other = simulation(max_trials=5, max_parallel=5), SweepId("other-aaaaaaaa")
    desk = sweep.desk
    assert isinstance(desk, MemoryDesk)
    sweep.launcher.holds_back = "waits for the peak to be over"

    sweep.settle()
    queued = sweep.snapshot.trials
    wanted = [AttemptId(f"{other}-{number:05d}-a1") for number in (1, 2)]
    answers = desk.ask(other, a_spec(), wanted)
    sweep.settle()
    for one in wanted:
        desk.end(one)
    sweep.launcher.holds_back = ""
    sweep.clock.advance(29)
    sweep.settle()
    early = len(sweep.launcher.launched)
    sweep.clock.advance(1)
    sweep.settle()

    assert {trial.reason for trial in queued} == {"waits for the peak to be over"}
    assert all(answer.is_admitted for answer in answers.values())
    assert (early, len(sweep.launcher.launched)) == (0, 2)


def test_what_is_held_back_keeps_its_place_in_the_queue() -> None:
    sweep, other = simulation(max_trials=2, max_parallel=2), SweepId("other-aaaaaaaa")
    desk = sweep.desk
    assert isinstance(desk, MemoryDesk)
    sweep.launcher.holds_back = "waits for the peak to be over"
    sweep.settle()
    wanted = [AttemptId(f"{other}-{number:05d}-a1") for number in (1, 2, 3, 4)]
    desk.ask(other, a_spec(), wanted)

    sweep.launcher.holds_back = ""
    sweep.clock.advance(30)
    sweep.settle()
    early = len(sweep.launcher.launched)
    for one in wanted[:2]:
        desk.end(one)
    sweep.settle()

    assert (early, len(sweep.launcher.launched)) == (0, 2), "those who came later wait"


def test_a_sweep_behind_a_limit_comes_to_its_end() -> None:
    sweep = simulation(max_trials=6, max_parallel=6, max_failures=99)

    record = sweep.run_to_end()

    assert len(record.concluded) == 6
    assert len(sweep.launcher.launched) == 6
    assert sweep.launcher.most_alive == 2


def test_who_waits_is_not_asked_about_at_every_moment_as_if_something_had_happened() -> None:
    sweep = simulation(max_trials=5, max_parallel=5)
    sweep.settle()

    assert not sweep.tick().progressed


def test_a_new_controller_launches_who_was_admitted_before_it() -> None:
    sweep = simulation(max_trials=3, max_parallel=3)
    sweep.settle()

    sweep.controller = sweep.new_controller()
    sweep.settle()

    assert len(sweep.launcher.launched) == 2


def test_a_paused_sweep_holds_nothing_for_who_was_not_launched() -> None:
    desk = two_at_once()
    sweep = Simulation(a_spec(max_trials=4, max_parallel=4), desk=desk, capacity=0)
    sweep.settle()

    sweep.store.request(SWEEP, SweepRequest.PAUSE)
    sweep.settle()

    other = [AttemptId("other-aaaaaaaa-00001-a1"), AttemptId("other-aaaaaaaa-00002-a1")]
    answers = desk.ask(SweepId("other-aaaaaaaa"), a_spec(), other)
    assert all(answer.is_admitted for answer in answers.values())


def test_a_sweep_whose_trials_can_never_start_says_so_until_they_can() -> None:
    found = simulation(max_trials=4, max_parallel=4)
    found.settle()
    before = found.reason
    live = list(found.launcher.launched)
    assert isinstance(found.desk, MemoryDesk)
    found.desk.quotas = Quotas(others=TenantQuota(limits=Amounts(trials=0)))

    for _ in range(3):  # it asks, and says so with its next look
        found.tick()
    hopeless = found.reason
    applies = [a.state for a in found.snapshot.attempts if a.attempt_id in live]
    found.controller = found.new_controller()
    after_a_restart: set[str] = set()
    for _ in range(4):
        found.tick()
        after_a_restart.add(found.reason)
    found.desk.quotas = Quotas()
    found.settle()

    assert before == ""
    assert hopeless == (
        "no trial of it can start as policies are now: asks for more than it can ever have:"
        " tenant default may hold 0 trials at once"
    )
    assert applies == [AttemptState.RUNNING] * 2  # those that run go on
    assert after_a_restart == {hopeless}
    assert found.reason == ""
    assert len(found.launcher.launched) == 4


def test_who_waits_for_others_is_not_hopeless() -> None:
    found = simulation(max_trials=4, max_parallel=4)

    found.settle()

    assert (found.reason, len(found.launcher.launched)) == ("", 2)
