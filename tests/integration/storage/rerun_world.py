"""Reruns in a database, and all that lets them start, counts them and charges them."""

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

from governance.budgets.policy import BUDGETS
from governance.cost.price_file import PRICES
from governance.quotas.file import QUOTAS
from storage.budgets.gate import PostgresBudgetGate
from storage.budgets.predictions import PostgresPredictor
from storage.budgets.store import BudgetStore
from storage.cost.ledger import CostLedger
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.queue.admissions import PostgresAdmissionDesk
from storage.runs.catalog import RunCatalog
from storage.runs.reruns import RerunStore
from storage.runs.upkeep import RunUpkeep
from storage.token_store import TokenStore
from sweeps import ids
from sweeps.ids import AttemptId, RunId
from sweeps.policies import PolicyChange, PolicyKind
from sweeps.rerun_demand import RerunDemand
from sweeps.runs import ScratchRun
from sweeps.specs import Resources
from tests.integration.storage.test_ingest_store import TENANT

#: A GPU costs 2 dollars an hour, a core 4 cents.
FLAT = "gpu: [{usd_per_gpu_hour: 2}]\ncpu: [{usd_per_core_hour: 0.04}]\n"
ONE_GPU = "other_tenants: {limits: {gpu: 1}}"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class RerunWorld:
    """One installation, as the command of a rerun sees it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.policies = PolicyStore(pool)
        self.budgets = BudgetStore(pool, self.policies)
        self.predictor = PostgresPredictor(pool, book=self.budgets.book)
        self.gate = PostgresBudgetGate(self.budgets, self.predictor)
        self.reruns = RerunStore(pool)
        self.runs = RunCatalog(pool)
        self.upkeep = RunUpkeep(pool)
        self.ledger = CostLedger(pool, self.policies)
        self._numbers = itertools.count()

    def desk(self) -> PostgresAdmissionDesk:
        """Of another process."""
        return PostgresAdmissionDesk(
            self.pool,
            self.policies,
            predict=self.predictor,
            predict_rerun=self.predictor.of_rerun,
            budgets=self.budgets,
        )

    def apply(self, kind: PolicyKind[Any], text: str) -> None:
        before = self.policies.current(kind)
        change = PolicyChange(kind=kind, source="test", before=before, text=text)
        self.policies.apply([change], by="me", comment="")

    def quotas(self, text: str) -> None:
        self.apply(QUOTAS, text)

    def prices(self, text: str = FLAT) -> None:
        self.apply(PRICES, text)

    def budget(self, text: str) -> None:
        self.apply(BUDGETS, f"budgets: [{text}]")

    def name(self) -> RunId:
        """One that no other run has."""
        number = next(self._numbers)
        return RunId(f"scratch-aaaaaaaaaa{_LETTERS[number // 26]}{_LETTERS[number % 26]}")

    def original(self, *, seconds: float = 3600) -> RunId:
        """A run outside sweeps that has come to its end after so long."""
        TokenStore(self.pool).create(tenant_id=TENANT, name="me")
        run = ScratchRun(
            run_id=self.name(), experiment="digits", owner="me", seed=1, params={}, tags={}
        )
        self.runs.create_scratch_run(run, tenant_id=TENANT)
        self.execute(
            "UPDATE runs SET state = 'completed', ended_at = now(),"
            " started_at = now() - make_interval(secs => %s) WHERE run_id = %s",
            (seconds, run.run_id),
        )
        return run.run_id

    def demand(self, repeats: RunId, *, by: str = "ana", gpu: int = 1) -> RerunDemand:
        return RerunDemand(
            repeats=repeats,
            tenant_id=TENANT,
            experiment="digits",
            owner=by,
            resources=Resources(gpu=gpu),
        )

    def create(self, demand: RerunDemand) -> AttemptId:
        """Write one down, as before it asks."""
        run = ScratchRun(
            run_id=self.name(),
            experiment=demand.experiment,
            owner=demand.owner,
            seed=1,
            params={},
            tags={},
            rerun_of=demand.repeats,
            is_queued=True,
        )
        return self.reruns.create(run, tenant_id=demand.tenant_id)

    def live(self, demand: RerunDemand, *, hours: float = 0.0) -> AttemptId:
        """One that was admitted and runs, for so long already."""
        attempt = self.create(demand)
        assert self.desk().ask_for_rerun(attempt, demand).is_admitted
        self.reruns.start(ids.run_of(attempt))
        self.execute(
            "UPDATE attempts SET state = 'running', gpu_model = 'NVIDIA A100', gpu_count = %s,"
            " started_at = now() - make_interval(secs => %s) WHERE attempt_id = %s",
            (demand.resources.gpu, 3600 * hours, attempt),
        )
        return attempt

    def end(
        self, attempt: AttemptId, *, reason: str = "completed", state: str = "completed"
    ) -> None:
        """Its process has, and its command has written it down."""
        self.execute(
            "UPDATE attempts SET state = 'ended', ended_at = now(), exit_reason = %s"
            " WHERE attempt_id = %s", (reason, attempt),
        )  # fmt: skip
        self.execute(
            "UPDATE runs SET state = %s::run_state, ended_at = now() WHERE run_id = %s",
            (state, ids.run_of(attempt)),
        )

    def go_silent(self, attempt: AttemptId, *, minutes: float) -> None:
        """Its command is gone: nothing was heard of it for so long."""
        run_id = ids.run_of(attempt)
        self.execute(
            "UPDATE admission_seekers SET asked_at = now() - make_interval(secs => %s)"
            " WHERE sweep_id = %s", (60 * minutes, run_id),
        )  # fmt: skip
        self.execute(
            "UPDATE run_activity SET last_seen_at = now() - make_interval(secs => %s)"
            " WHERE run_id = %s", (60 * minutes, run_id),
        )  # fmt: skip
        self.execute("UPDATE scheduling_state SET decided_at = '-infinity'")

    def keep_up(self) -> tuple[RunId, ...]:
        """What a gateway does now and then; which attempts were ended for their commands."""
        self.upkeep.fail_silent(after=dt.timedelta(minutes=15))
        return self.upkeep.end_left_attempts()

    def execute(self, statement: Any, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with transaction(self.pool) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def now(self) -> dt.datetime:
        """By the database's clock."""
        return self.execute("SELECT clock_timestamp()")[0][0]

    def days(self) -> list[dt.date]:
        """Of the last hours: yesterday is one of them for a while after midnight."""
        now = self.now()
        return sorted({(now - dt.timedelta(hours=12)).date(), now.date()})
