"""The store that all tests of the controller lean on keeps what PostgreSQL's promises."""

import datetime as dt

import pytest

from sweeps.ids import RunId, SweepId
from sweeps.specs import SweepSpec
from sweeps.states import Decision, SweepRequest
from tests.contracts.trial_store_contract import TrialStoreContract
from tests.fakes import FakeTrialStore


class FakeWorld:
    def __init__(self) -> None:
        self.store = FakeTrialStore()

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


class TestFakeTrialStore(TrialStoreContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
