"""Sweeps, attempts and a ledger in a database, as fast as rows can be written."""

import datetime as dt
import itertools
import time
from collections.abc import Callable
from decimal import Decimal

from storage.budgets.predictions import PostgresPredictor
from storage.budgets.reports import PostgresBudgetReports
from storage.budgets.store import BudgetStore
from storage.budgets.watch import PostgresBudgetWatch
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.sweeps.catalog import SweepCatalog
from sweeps import ids
from sweeps.ids import AttemptId, SweepId
from sweeps.policies import PolicyChange, PolicyKind
from sweeps.specs import Resources, TrialSpec
from tests.factories import a_spec
from tests.fakes import FakeClock

NOW = dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC)  # a Wednesday
HOUR = dt.timedelta(hours=1)
#: A GPU costs 2 dollars an hour, and nothing else costs anything.
PRICES = """\
gpu: [{usd_per_gpu_hour: 2}, {type: h100, usd_per_gpu_hour: 8}]
cpu: [{usd_per_core_hour: 0}]
"""


class SpendingWorld:
    """A database with prices, and what spends in it."""

    def __init__(self, pool: Pool) -> None:
        from governance.cost.price_file import PRICES as KIND

        self.pool = pool
        self.clock = FakeClock(NOW)
        self.policies = PolicyStore(pool)
        self.budgets = BudgetStore(pool, self.policies)
        self.predictor = PostgresPredictor(pool, book=self.budgets.book, clock=self.clock)
        self._numbers: dict[SweepId, itertools.count[int]] = {}
        self.apply(KIND, PRICES)

    def watch(self, monotonic: Callable[[], float] = time.monotonic) -> PostgresBudgetWatch:
        """One that has not looked yet."""
        return PostgresBudgetWatch(
            self.pool,
            self.budgets,
            self.predictor,
            PostgresBudgetReports(self.pool, self.budgets),
            clock=self.clock,
            monotonic=monotonic,
        )

    def database_now(self) -> dt.datetime:
        """By the clock that schedulers go by."""
        with transaction(self.pool) as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return row[0]

    def apply(self, kind: PolicyKind[object], text: str) -> None:
        """Make a policy hold."""
        kind.parse(text, source="test")
        change = PolicyChange(
            kind=kind, source="test", before=self.policies.current(kind), text=text
        )
        self.policies.apply([change], by="me", comment="")

    def sweep(
        self,
        name: str = "digits-aaaaaaaa",
        *,
        tenant: str = "vision",
        gpus: int = 1,
        **spec: object,
    ) -> SweepId:
        """A submitted sweep whose trials ask for GPUs."""
        sweep_id = SweepId(name)
        trial = TrialSpec(command=("python",), resources=Resources(gpu=gpus))
        whole = a_spec(**{"tenant": tenant, "trial": trial, "max_trials": 1000, **spec})  # pyright: ignore[reportArgumentType]  by name
        SweepCatalog(self.pool).submit(sweep_id, whole, source_dir="/", created_by="me")
        self._numbers[sweep_id] = itertools.count(1)
        return sweep_id

    def attempt(
        self,
        sweep_id: SweepId,
        *,
        began: float | None = None,
        ended: float | None = None,
        model: str = "",
        gpus: int = 0,
        usd: Decimal | str | None = None,
        gpu_hours: float | None = None,
        admitted: bool = True,
        reason: str = "completed",
    ) -> AttemptId:
        """One trial with one attempt.

        Args:
            began, ended: Hours before `NOW`.
            usd, gpu_hours: What was predicted.
        """
        number = next(self._numbers[sweep_id])
        run_id = ids.run_id(sweep_id, number)
        attempt_id = ids.attempt_id(run_id, 1)
        state = "ended" if ended is not None else "running" if began is not None else "pending"
        with transaction(self.pool) as connection:
            connection.execute(
                "INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed,"
                " created_by) SELECT %s, tenant_id, experiment_id, sweep_id, %s, 1, 'me'"
                " FROM sweeps WHERE sweep_id = %s",
                (run_id, number, sweep_id),
            )
            connection.execute(
                "INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at,"
                " ended_at, exit_reason, gpu_model, gpu_count)"
                " VALUES (%s, %s, 1, %s, %s, %s, %s, %s, %s, %s)",
                (
                    attempt_id,
                    run_id,
                    state,
                    NOW,
                    None if began is None else NOW - began * HOUR,
                    None if ended is None else NOW - ended * HOUR,
                    None if ended is None else reason,
                    model,
                    gpus,
                ),
            )
            connection.execute(
                "INSERT INTO admissions (attempt_id, sweep_id, tenant_id, experiment, owner,"
                " cpu_millis, memory_bytes, gpu, gpu_type, predicted_usd, predicted_gpu_hours,"
                " admitted_at, ended_at) SELECT %s, sweep_id, tenant_id, 'digits', 'me', 1000, 0, 1,"
                " '', %s, %s, %s, %s FROM sweeps WHERE sweep_id = %s",
                (
                    attempt_id,
                    usd,
                    gpu_hours,
                    NOW if admitted else None,
                    None if ended is None else NOW - ended * HOUR,
                    sweep_id,
                ),
            )
        return attempt_id

    def close_day(self, day: dt.date, *, at: dt.datetime | None = None) -> None:
        """The ledger has computed a day."""
        with transaction(self.pool) as connection:
            connection.execute(
                "INSERT INTO cost_days (day, covered_until, usage_until, price_version, entries)"
                " VALUES (%(day)s, %(at)s, %(at)s, 1, 0)"
                " ON CONFLICT (day) DO UPDATE SET usage_until = excluded.usage_until",
                {"day": day, "at": at or dt.datetime.combine(day, dt.time(), dt.UTC) + 24 * HOUR},
            )

    def entered(self, day: dt.date, sweep_id: SweepId, usd: str, *, gpu_hours: float = 0.0) -> None:
        """What the ledger has for a sweep on a day."""
        with transaction(self.pool) as connection:
            connection.execute(
                "INSERT INTO usage_daily (day, tenant_id, experiment_id, sweep_id, owner,"
                " gpu_hours, amount_usd) SELECT %s, tenant_id, experiment_id, sweep_id, 'me', %s,"
                " %s FROM sweeps WHERE sweep_id = %s",
                (day, gpu_hours, usd, sweep_id),
            )
