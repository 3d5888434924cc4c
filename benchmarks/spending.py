"""An installation that spends: tenants, sweeps, what has ended, what runs, what waits, and a ledger.

Written by COPY, as nothing else is measured here. The ledger is the real one, up to yesterday; of
what has ended a thirtieth did so today, whatever the time is.
"""

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from governance.budgets.policy import BUDGETS
from governance.cost.price_file import PRICES
from governance.periods import day_of, midnight
from governance.quotas.file import QUOTAS
from storage.cost.ledger import CostLedger
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.sweeps.catalog import SweepCatalog
from sweeps import ids
from sweeps.ids import SweepId
from sweeps.policies import PolicyChange, PolicyKind
from sweeps.specs import Resources, TrialSpec
from tests.factories import a_spec

_DAY, _HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
_SWEEPS_OF_TENANT = 10
_OPEN_OF_TENANT = 6
_USERS = 48
_OWN = 50  # sweeps whose own files limit them
_EXPERIMENTS = ("digits", "faces")
#: A live trial costs 3 dollars an hour more or less, and the capacity is a little more than is held.
PRICES_TEXT = """
gpu:
  - {type: a100, usd_per_gpu_hour: 2.93}
  - {type: t4, usd_per_gpu_hour: 0.35}
cpu: [{usd_per_core_hour: 0.0417}]
memory: [{usd_per_gib_hour: 0.0053}]
"""
_MODELS = ("NVIDIA A100-SXM4-80GB", "Tesla T4")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything."""

    tenants: int
    finished: int  #: attempts
    running: int
    queued: int
    days: int  #: over which what has ended is spread


class Installation:
    """Fills a database; `now` is the clock of this machine when it began."""

    def __init__(self, pool: Pool, size: Size) -> None:
        self.pool = pool
        self.size = size
        self.policies = PolicyStore(pool)
        self.now = dt.datetime.now(dt.UTC)
        self._random = random.Random(7)
        self._numbers: dict[SweepId, int] = {}

    def fill(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """All of it; `connection` commits by itself."""
        sweeps = self._submit_sweeps()
        open_sweeps = [one for n, one in enumerate(sweeps) if _is_open(n)]
        connection.execute(
            "UPDATE sweepworks.sweeps SET state = 'completed', ended_at = now()"
            " WHERE sweep_id <> ALL(%s)",
            [list(map(str, open_sweeps))],
        )
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = sweepworks")
            rows = [*self._finished(sweeps, open_sweeps), *self._live(open_sweeps)]
            rows += list(self._waiting(open_sweeps))
            self._copy(cursor, rows)
            self._admit(cursor, open_sweeps)
        self._apply(PRICES, PRICES_TEXT)
        self._apply(BUDGETS, self._budgets())
        self._apply(QUOTAS, self._quotas())
        self._close_days()
        for table in ("attempts", "runs", "admissions", "usage_daily", "sweeps"):
            vacuum = sql.SQL("VACUUM (ANALYZE) sweepworks.{}").format(sql.Identifier(table))
            connection.execute(vacuum)

    def _submit_sweeps(self) -> list[SweepId]:
        catalog = SweepCatalog(self.pool)
        trial = TrialSpec(
            command=("python", "train.py"), resources=Resources(cpu=4, memory_bytes=2**34, gpu=1)
        )
        sweeps: list[SweepId] = []
        for number in range(self.size.tenants * _SWEEPS_OF_TENANT):
            sweep_id = SweepId(f"bench-{number:08d}")
            has_own = _is_open(number) and len(sweeps) % _SWEEPS_OF_TENANT == 0
            limits: dict[str, Any] = {}
            if has_own and number < 10 * _OWN:
                limits["max_cost_usd"] = Decimal(1_000_000)
            spec = a_spec(
                tenant=f"tenant-{number // _SWEEPS_OF_TENANT:03d}",
                experiment=_EXPERIMENTS[number % 2],
                trial=trial,
                **limits,
            )
            spec = dataclasses.replace(spec, owner=f"user-{number % _USERS:02d}")
            catalog.submit(sweep_id, spec, source_dir="/there", created_by="me")
            sweeps.append(sweep_id)
        return sweeps

    def _finished(
        self, sweeps: Sequence[SweepId], open_sweeps: Sequence[SweepId]
    ) -> Iterator[tuple[object, ...]]:
        """Each sweep over some days; today what is still open."""
        begins = midnight(day_of(self.now))
        for index in range(self.size.finished):
            took = dt.timedelta(microseconds=self._random.randrange(60_000_000, 5_400_000_000))
            if index % self.size.days == 0:
                sweep = open_sweeps[index // self.size.days % len(open_sweeps)]
                ended = begins + self._random.random() * (self.now - begins)
            else:
                sweep = sweeps[index % len(sweeps)]
                first = 1 + (7 * index // len(sweeps) + int(sweep[-8:])) % (self.size.days - 1)
                ended = begins - first * _DAY + self._random.random() * _DAY
            yield self._row(sweep, "ended", ended - took, ended)

    def _live(self, open_sweeps: Sequence[SweepId]) -> Iterator[tuple[object, ...]]:
        for index in range(self.size.running):
            began = self.now - self._random.random() * 12 * _HOUR
            yield self._row(open_sweeps[index % len(open_sweeps)], "running", began, None)

    def _waiting(self, open_sweeps: Sequence[SweepId]) -> Iterator[tuple[object, ...]]:
        for index in range(self.size.queued):
            yield self._row(open_sweeps[index % len(open_sweeps)], "pending", None, None)

    def _row(
        self, sweep: SweepId, state: str, began: dt.datetime | None, ended: dt.datetime | None
    ) -> tuple[object, ...]:
        number = self._numbers[sweep] = self._numbers.get(sweep, 0) + 1
        model = self._model(sweep) if began is not None else ""
        return sweep, number, state, began, ended, model

    def _model(self, sweep: SweepId) -> str:
        """Machines of one kind, but for every tenth sweep."""
        place = int(sweep[-8:])
        return _MODELS[self._random.randrange(2) if place % 10 == 9 else place // 10 % 2]

    def _copy(
        self, cursor: psycopg.Cursor[tuple[object, ...]], rows: Sequence[tuple[object, ...]]
    ) -> None:
        cursor.execute("SELECT sweep_id, tenant_id, experiment_id FROM sweeps")
        owners = {row[0]: row[1:] for row in cursor}
        with cursor.copy(
            "COPY runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by, state,"
            " started_at, ended_at) FROM STDIN"
        ) as copy:
            for sweep, number, state, began, ended, _ in rows:
                run = ids.run_id(SweepId(str(sweep)), int(str(number)))
                said = "completed" if state == "ended" else state
                copy.write_row((run, *owners[sweep], sweep, number, 1, "me", said, began, ended))
        with cursor.copy(
            "COPY attempts (attempt_id, run_id, number, state, created_at, started_at, ended_at,"
            " exit_reason, gpu_model, gpu_count, capacity) FROM STDIN"
        ) as copy:
            for sweep, number, state, began, ended, model in rows:
                run = ids.run_id(SweepId(str(sweep)), int(str(number)))
                reason = "completed" if state == "ended" else None
                copy.write_row(
                    (ids.attempt_id(run, 1), run, 1, state, began or self.now, began, ended, reason,
                     model, 1 if model else 0, "on_demand" if model else "")
                )  # fmt: skip

    def _admit(
        self, cursor: psycopg.Cursor[tuple[object, ...]], open_sweeps: Sequence[SweepId]
    ) -> None:
        """Everything has passed the desk; what has ended is settled; controllers ask all the time."""
        cursor.execute(
            """
            INSERT INTO admissions (attempt_id, sweep_id, tenant_id, experiment, owner, cpu_millis,
                                    memory_bytes, gpu, gpu_type, predicted_seconds, predicted_usd,
                                    predicted_gpu_hours, queued_at, admitted_at, ended_at,
                                    settled_at)
            SELECT attempt_id, sweep_id, sweeps.tenant_id, experiments.name, spec ->> 'owner', 4000,
                   2^34, 1, '', 46800, 41.9, 13, attempts.created_at - interval '1 hour',
                   attempts.started_at, attempts.ended_at, attempts.ended_at
            FROM attempts
            JOIN runs USING (run_id)
            JOIN sweeps USING (sweep_id)
            JOIN experiments ON experiments.experiment_id = sweeps.experiment_id
            """
        )
        cursor.execute(
            "INSERT INTO admission_seekers (sweep_id, asked_at)"
            " SELECT unnest(%s::text[]), now() + interval '1 day'",
            [list(map(str, open_sweeps))],
        )

    def _apply(self, kind: PolicyKind[object], text: str) -> None:
        change = PolicyChange(
            kind=kind, source="benchmark", before=self.policies.current(kind), text=text
        )
        self.policies.apply([change], by="benchmark", comment="")

    def _budgets(self) -> str:
        lines = ["budgets:", "  - {name: all-month, period: month, max_cost_usd: 10000000}"]
        lines += ["  - {name: all-total, period: total, max_cost_usd: 10000000}"]
        lines += [
            f"  - {{name: user-{n:02d}, user: user-{n:02d}, period: week, max_gpu_hours: 100000}}"
            for n in range(_USERS)
        ]
        for n in range(self.size.tenants):
            tenant = f"tenant-{n:03d}"
            lines.append(
                f"  - {{name: {tenant}, tenant: {tenant}, period: month, max_cost_usd: 1000000}}"
            )
            lines.append(
                f"  - {{name: {tenant}-digits, tenant: {tenant}, experiment: digits,"
                " period: total, max_cost_usd: 1000000, max_gpu_hours: 100000}"
            )
        return "\n".join(lines)

    def _quotas(self) -> str:
        """There is room for one in ten of those who wait."""
        held = self.size.running + self.size.queued // 1000
        return f"capacity: {{gpu: {held}}}\n"

    def _close_days(self) -> None:
        """The real ledger, day by day."""
        ledger = CostLedger(self.pool, self.policies)
        for back in range(self.size.days, 0, -1):
            day = day_of(self.now) - back * _DAY
            ledger.replace(day, now=self.now)
            ledger.replace_usage(day)

    def decide_soon(self) -> None:
        """A pass is due."""
        with transaction(self.pool) as connection:
            connection.execute("UPDATE scheduling_state SET decided_at = '-infinity'")


def _is_open(number: int) -> bool:
    return number % _SWEEPS_OF_TENANT < _OPEN_OF_TENANT
