"""The store of simulations keeps what PostgreSQL's promises, and writes all of a tick or nothing."""

import datetime as dt

import pytest

from sweeps.errors import StateConflict, StorageError
from sweeps.ids import RunId, SweepId
from sweeps.simulation.memory_store import MemoryTrialStore
from sweeps.specs import SweepSpec
from sweeps.states import Decision, RunState, SweepRequest
from sweeps.trials import Changes
from tests.contracts.trial_store_contract import TrialStoreContract
from tests.factories import SWEEP, a_spec, a_suggestion, a_trial, an_attempt, at
from tests.fakes import FakeClock


class MemoryWorld:
    def __init__(self) -> None:
        self.store = MemoryTrialStore(FakeClock())

    def submit(self, sweep_id: SweepId, spec: SweepSpec) -> None:
        self.store.submit(sweep_id, spec)

    def request(self, sweep_id: SweepId, requested: SweepRequest) -> None:
        self.store.request(sweep_id, requested)

    def report(self, run_id: RunId, level: int, value: float, *, reported_at: dt.datetime) -> None:
        self.store.report(run_id, level, value, reported_at=reported_at)

    def beat(self, run_id: RunId, *, seen_at: dt.datetime) -> None:
        self.store.beat(run_id, seen_at=seen_at)

    def control(self, run_id: RunId) -> Decision:
        return self.store.control(run_id)


class TestMemoryTrialStore(TrialStoreContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()


@pytest.mark.parametrize(
    ("second", "error"),
    [
        ({"new_attempts": (an_attempt(2), an_attempt(1))}, StorageError),
        ({"new_trials": (a_trial(2), a_trial(1))}, StorageError),
        ({"trials": (a_trial(1, state=RunState.RUNNING),)}, StateConflict),
    ],
)
def test_a_tick_that_is_refused_leaves_nothing_behind(
    second: dict[str, object], error: type[Exception]
) -> None:
    store = MemoryTrialStore(FakeClock())
    store.submit(SWEEP, a_spec())
    lease = store.take_over(SWEEP, controller="me")
    first = Changes(
        at=at(0),
        suggestions=(a_suggestion(1),),
        new_trials=(a_trial(1),),
        new_attempts=(an_attempt(1),),
    )
    store.apply(SWEEP, lease, first)
    store.apply(SWEEP, lease, Changes(at=at(1), trials=(a_trial(1, state=RunState.COMPLETED),)))
    before = store.load(SWEEP)

    changes = Changes(**{"at": at(2), "suggestions": (a_suggestion(2),), **second})  # type: ignore[arg-type]
    with pytest.raises(error):
        store.apply(SWEEP, lease, changes)

    assert store.load(SWEEP) == before
