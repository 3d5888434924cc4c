"""Attempts, bytes and prices in the database, written as plainly as can be."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from governance.cost.price_file import PRICES
from storage.cost.ledger import CostLedger
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.sweeps.catalog import SweepCatalog
from sweeps.ids import SweepId
from sweeps.policies import PolicyChange
from sweeps.specs import Resources, TrialSpec
from tests.factories import a_spec

DAY = dt.date(2026, 3, 10)
MIDNIGHT = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
LATER = MIDNIGHT + 1000 * HOUR  #: long after everything
FLAT = """
gpu: [{usd_per_gpu_hour: 2}]
cpu: [{usd_per_core_hour: 0.04}]
memory: [{usd_per_gib_hour: 0.005}]
storage: [{usd_per_gib_month: 0.031}]
"""


@dataclass
class CostWorld:
    pool: Pool
    prices: str = FLAT  #: empty: those that ship
    resources: Resources = field(
        default_factory=lambda: Resources(cpu=1.0, memory_bytes=2**30, gpu=1)
    )

    def __post_init__(self) -> None:
        self.policies = PolicyStore(self.pool)
        self.ledger = CostLedger(self.pool, self.policies)
        if self.prices:
            self.price(self.prices)

    def price(self, text: str) -> None:
        before = self.policies.current(PRICES)
        change = PolicyChange(kind=PRICES, source="prices.yaml", before=before, text=text)
        self.policies.apply([change], by="ana", comment="")

    def sweep(self, sweep_id: str = "digits-aaaaaaaa", **fields: Any) -> str:
        trial = TrialSpec(command=("python", "train.py"), resources=self.resources)
        SweepCatalog(self.pool).submit(
            SweepId(sweep_id), a_spec(trial=trial, **fields), source_dir="/there", created_by="me"
        )
        return sweep_id

    def run(self, sweep_id: str, number: int) -> str:
        run_id = f"{sweep_id}-{number:05d}"
        self.execute(
            """INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed,
                                 created_by, state)
               SELECT %s, tenant_id, experiment_id, sweep_id, %s, 1, 'me', 'running'
               FROM sweeps WHERE sweep_id = %s""",
            run_id, number, sweep_id,
        )  # fmt: skip
        return run_id

    def attempt(
        self,
        run_id: str,
        start: float,
        end: float | None,
        *,
        number: int = 1,
        reason: str = "completed",
        model: str = "NVIDIA A100",
        gpus: int = 1,
    ) -> str:
        """From `start` to `end` in hours after midnight."""
        self.execute(
            """INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at,
                                     ended_at, exit_reason, gpu_model, gpu_count)
               VALUES (%s, %s, %s, %s::attempt_state, %s, %s, %s, %s::exit_reason, %s, %s)""",
            f"{run_id}-a{number}", run_id, number, "running" if end is None else "ended",
            MIDNIGHT + start * HOUR, MIDNIGHT + start * HOUR,
            None if end is None else MIDNIGHT + end * HOUR, None if end is None else reason,
            model, gpus,
        )  # fmt: skip
        return f"{run_id}-a{number}"

    def waiting(
        self, run_id: str, since: float, *, number: int = 1, ended: float | None = None
    ) -> str:
        """Wanted since then, and never launched; given up at `ended`."""
        self.execute(
            """INSERT INTO attempts (attempt_id, run_id, number, state, created_at, ended_at,
                                     exit_reason)
               VALUES (%s, %s, %s, %s::attempt_state, %s, %s, %s::exit_reason)""",
            f"{run_id}-a{number}", run_id, number, "pending" if ended is None else "ended",
            MIDNIGHT + since * HOUR, None if ended is None else MIDNIGHT + ended * HOUR,
            None if ended is None else "launch_failed",
        )  # fmt: skip
        return f"{run_id}-a{number}"

    def rerun(self, run_id: str, *, of: str) -> str:
        """A run outside sweeps, whose attempts hold what they were admitted with."""
        self.execute(
            """INSERT INTO runs (run_id, tenant_id, experiment_id, seed, created_by, state, rerun_of)
               SELECT %s, tenant_id, experiment_id, 1, 'ana', 'running', run_id
               FROM runs WHERE run_id = %s""",
            run_id, of,
        )  # fmt: skip
        return run_id

    def admit(self, attempt_id: str, *, gpu: int, cores: float) -> None:
        """What the desk let it have."""
        self.execute(
            """INSERT INTO admissions (attempt_id, sweep_id, tenant_id, experiment, owner, cpu_millis,
                                       memory_bytes, gpu, gpu_type, admitted_at)
               SELECT attempt_id, run_id, 'default', 'digits', 'ana', %s, 0, %s, '', now()
               FROM attempts WHERE attempt_id = %s""",
            round(cores * 1000), gpu, attempt_id,
        )  # fmt: skip

    def end(self, attempt_id: str, end: float, *, reason: str = "completed") -> None:
        self.execute(
            """UPDATE attempts SET state = 'ended', ended_at = %s, exit_reason = %s::exit_reason
               WHERE attempt_id = %s""",
            MIDNIGHT + end * HOUR, reason, attempt_id,
        )  # fmt: skip

    def end_run(self, run_id: str, state: str) -> None:
        self.execute(
            "UPDATE runs SET state = %s::run_state, ended_at = now() WHERE run_id = %s",
            state, run_id,
        )  # fmt: skip

    def artifact(
        self, run_id: str, content: str, size: int, since: float, *, name: str = "model.pt"
    ) -> None:
        self.blob(content, size, since)
        self.execute(
            """INSERT INTO artifacts (tenant_id, run_id, name, type, sha256, size_bytes, created_at)
               SELECT 'default', %s, %s, 'model', %s, %s, %s""",
            run_id, name, _sha256(content), size, MIDNIGHT + since * HOUR,
        )  # fmt: skip

    def blob(self, content: str, size: int, since: float) -> None:
        self.execute(
            """INSERT INTO blobs (tenant_id, sha256, size_bytes, created_at)
               VALUES ('default', %s, %s, %s) ON CONFLICT DO NOTHING""",
            _sha256(content), size, MIDNIGHT + since * HOUR,
        )  # fmt: skip

    def cool(self, content: str, storage_class: str, *, at: float) -> None:
        """Its bytes are in a colder class from then on."""
        self.execute(
            "UPDATE blobs SET storage_class = %s, class_since = %s WHERE sha256 = %s",
            storage_class, MIDNIGHT + at * HOUR, _sha256(content),
        )  # fmt: skip

    def delete_artifact(self, run_id: str, *, at: float, name: str = "model.pt") -> None:
        with transaction(self.pool) as connection:
            connection.execute("SET LOCAL sweepworks.retention = 'on'")
            connection.execute(
                "DELETE FROM artifacts WHERE run_id = %s AND name = %s", (run_id, name)
            )
            connection.execute(
                "UPDATE gone_artifacts SET gone_at = %s WHERE run_id = %s AND name = %s",
                (MIDNIGHT + at * HOUR, run_id, name),
            )

    def delete_blob(self, content: str, *, at: float) -> None:
        with transaction(self.pool) as connection:
            connection.execute("DELETE FROM blobs WHERE sha256 = %s", (_sha256(content),))
            connection.execute(
                "UPDATE gone_blobs SET gone_at = %s WHERE sha256 = %s",
                (MIDNIGHT + at * HOUR, _sha256(content)),
            )

    def idle_minutes(
        self, run_id: str, percent: float, minutes: Sequence[int], *, gpu: int = 0
    ) -> None:
        """What the SDK measures of a GPU, at the beginning of each of these minutes of the day."""
        from storage.points.points import SYSTEM, fingerprint, series_id

        key = f"gpu/{gpu}/utilization_percent"
        number = series_id(fingerprint(run_id, key, SYSTEM))
        self.execute(
            """INSERT INTO series (series_id, run_id, key, family)
               VALUES (%s, %s, %s, 'system') ON CONFLICT DO NOTHING""",
            number, run_id, key,
        )  # fmt: skip
        with transaction(self.pool) as connection:
            connection.execute(
                """INSERT INTO metric_points (series_id, step, time_ds, value)
                   SELECT %s, minute, metric_tenths(%s::timestamptz) + minute * 600, %s
                   FROM unnest(%s::bigint[]) AS minute""",
                (number, MIDNIGHT, percent, list(minutes)),
            )

    def replace(self, day: dt.date = DAY, *, now: dt.datetime = LATER) -> None:
        self.ledger.replace(day, now=now)
        self.ledger.replace_usage(day)

    def days(self) -> list[dt.date]:
        """Those that the books have."""
        with transaction(self.pool) as connection:
            rows = connection.execute("SELECT day FROM cost_days ORDER BY day").fetchall()
        return [day for (day,) in rows]

    def check(self, *days: dt.date) -> None:
        """What the checks of the books ask, of days that are written as they turned out."""
        for day in days:
            found = self.ledger.balance(day)
            assert found.is_good, (day, found)
            assert self.ledger.attempts_without_entry(day).first == (), day
            assert self.ledger.entries_without_attempt(day).first == (), day
            totals = self.ledger.totals(day)
            assert totals is not None
            assert self.ledger.usage_total(day) == totals.amount_usd, day

    def entries(self, day: dt.date | None = None) -> list[dict[str, Any]]:
        from psycopg.rows import dict_row

        with transaction(self.pool) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            return cursor.execute(
                "SELECT * FROM cost_entries WHERE %s::date IS NULL OR day = %s"
                " ORDER BY day, entry_key",
                (day, day),
            ).fetchall()

    def total(self) -> Decimal:
        with transaction(self.pool) as connection:
            row = connection.execute(
                "SELECT coalesce(sum(amount_usd), 0) FROM cost_entries"
            ).fetchone()
        assert row is not None
        return row[0]

    def execute(self, statement: Any, *values: object) -> None:
        with transaction(self.pool) as connection:
            connection.execute(statement, values)


def _sha256(content: str) -> bytes:
    return hashlib.sha256(content.encode()).digest()
