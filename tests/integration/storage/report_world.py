"""Sweeps with trials that ended and their prices, for tests of reports."""

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from governance.periods import Period
from storage.database import Pool, transaction

WEEK = Period.WEEK.span(dt.date(2025, 6, 18))
WITHIN = dt.datetime(2025, 6, 18, 12, tzinfo=dt.UTC)
BEFORE = WITHIN - dt.timedelta(days=7)


class ReportWorld:
    """Writes rows."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with transaction(self.pool) as connection:
            cursor = connection.execute(statement, parameters)  # pyright: ignore[reportArgumentType]  literals of tests
            return cursor.fetchall() if cursor.description else []

    def sweep(
        self,
        sweep_id: str,
        *,
        tenant: str = "default",
        experiment: str = "digits",
        owner: str = "ana",
        metric: str = "accuracy",
        direction: str = "maximize",
        max_resource: int | None = None,
        kind: str = "search",
        at: dt.datetime = WITHIN,
    ) -> str:
        spec = {
            "owner": owner,
            "objective": {"metric": metric, "direction": direction},
            "strategy": {"scheduler": {"max_resource": max_resource}},
        }
        self.rows("INSERT INTO tenants (tenant_id) VALUES (%s) ON CONFLICT DO NOTHING", tenant)
        self.rows(
            "INSERT INTO experiments (tenant_id, name, owner, purpose) VALUES (%s, %s, %s, '')"
            " ON CONFLICT DO NOTHING",
            tenant, experiment, owner,
        )  # fmt: skip
        self.rows(
            "INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version, spec_digest,"
            " source_dir, created_by, created_at, state, ended_at, kind)"
            " SELECT %s, tenant_id, experiment_id, %s, 1, '', '/', 'me', %s, 'completed', %s, %s"
            " FROM experiments WHERE tenant_id = %s AND name = %s",
            sweep_id, json.dumps(spec), at, at, kind, tenant, experiment,
        )  # fmt: skip
        return sweep_id

    def plan(self, statement: str, parameters: Mapping[str, object]) -> str:
        """What the database would do, in all detail."""
        with transaction(self.pool) as connection:
            explain = f"EXPLAIN (VERBOSE) {statement}"
            return "\n".join(row[0] for row in connection.execute(explain, parameters))  # pyright: ignore[reportArgumentType]  our own queries

    def trial(
        self,
        sweep_id: str,
        number: int,
        *,
        cost: str | None = "1",
        objective: float | None = 0.5,
        state: str = "completed",
        level: int | None = None,
        params: Mapping[str, object] | None = None,
        at: dt.datetime = WITHIN,
        exit_reason: str = "completed",
        waited: float = 1.0,
        outcome: str | None = None,
        created_at: dt.datetime | None = None,
    ) -> str:
        """One that ended, with one attempt and one entry in the ledger; no entry without a cost."""
        run_id, params = (
            f"{sweep_id}-{number:05d}",
            params if params is not None else {"lr": number},
        )
        self.rows(
            "INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by,"
            " created_at, started_at, state, ended_at, objective, resource_level)"
            " SELECT %s, tenant_id, experiment_id, sweep_id, %s, 1, 'me', %s, %s, %s, %s, %s, %s"
            " FROM sweeps WHERE sweep_id = %s",
            run_id, number, created_at or at, at, state, at, objective, level, sweep_id,
        )  # fmt: skip
        for name, value in params.items():
            self.rows("INSERT INTO run_params VALUES (%s, %s, %s)", run_id, name, json.dumps(value))
        self.rows(
            "INSERT INTO suggestions VALUES (%s, %s, %s, %s, 0)",
            sweep_id, number, json.dumps(params), number,
        )  # fmt: skip
        self.rows(
            "INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at, ended_at,"
            " exit_reason) VALUES (%s, %s, 1, 'ended', %s, %s, %s, %s)",
            f"{run_id}-a1", run_id, at - dt.timedelta(seconds=waited), at, at, exit_reason,
        )  # fmt: skip
        if cost is not None:
            self.pay(run_id, cost, outcome=outcome or state, at=at)
        return run_id

    def attempt(
        self, run_id: str, number: int, *, exit_reason: str, cost: str, at: dt.datetime = WITHIN
    ) -> None:
        """A further attempt of a run."""
        self.rows(
            "INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at, ended_at,"
            " exit_reason) VALUES (%s, %s, %s, 'ended', %s, %s, %s, %s)",
            f"{run_id}-a{number}", run_id, number, at, at, at, exit_reason,
        )  # fmt: skip
        self.pay(run_id, cost, at=at, key=f"gpu of {number}")

    def scratch(
        self,
        run_id: str,
        *,
        params: Mapping[str, object],
        rerun_of: str | None = None,
        tenant: str = "default",
        experiment: str = "digits",
    ) -> str:
        """A run outside sweeps that ended."""
        self.rows(
            "INSERT INTO runs (run_id, tenant_id, experiment_id, seed, created_by, created_at,"
            " started_at, state, ended_at, rerun_of)"
            " SELECT %s, tenant_id, experiment_id, 1, 'ana', %s, %s, 'completed', %s, %s"
            " FROM experiments WHERE tenant_id = %s AND name = %s",
            run_id, WITHIN, WITHIN, WITHIN, rerun_of, tenant, experiment,
        )  # fmt: skip
        for name, value in params.items():
            self.rows("INSERT INTO run_params VALUES (%s, %s, %s)", run_id, name, json.dumps(value))
        return run_id

    def pay(
        self,
        run_id: str,
        amount: str | None,
        *,
        outcome: str = "completed",
        is_waste: bool = False,
        at: dt.datetime = WITHIN,
        key: str = "gpu",
    ) -> None:
        """An entry of the ledger of a run, and its day's sum."""
        self.rows(
            "INSERT INTO cost_entries (day, entry_key, tenant_id, experiment_id, sweep_id, run_id,"
            " attempt_id, owner, category, resource, kind, quantity, unit, unit_price_usd, amount_usd,"
            " outcome, is_waste, price_version)"
            " SELECT %s, %s, tenant_id, experiment_id, sweep_id, run_id, run_id || '-a1', 'ana',"
            " 'compute', 'gpu', 'a100', 1, 'gpu_hours', %s, %s, %s, %s, 1 FROM runs WHERE run_id = %s",
            at.date(), f"{run_id}-a1/{key}", amount, amount, outcome, is_waste, run_id,
        )  # fmt: skip

    def admit(
        self,
        run_id: str,
        *,
        gpus: int,
        since: dt.datetime | None,
        until: dt.datetime | None,
        waited: float = 1.0,
    ) -> None:
        """Its attempt was let in then, or waits."""
        queued = WITHIN if since is None else since - dt.timedelta(seconds=waited)
        self.rows(
            "INSERT INTO admissions (attempt_id, sweep_id, tenant_id, experiment, owner, cpu_millis,"
            " memory_bytes, gpu, gpu_type, queued_at, admitted_at, ended_at)"
            " SELECT run_id || '-a1', sweep_id, runs.tenant_id, name, 'ana', 1, 1, %s, '', %s, %s, %s"
            " FROM runs JOIN experiments USING (experiment_id) WHERE run_id = %s",
            gpus, queued, since, until, run_id,
        )  # fmt: skip

    def summed(self) -> None:
        """Put what the ledger says into its daily sums."""
        self.rows("DELETE FROM usage_daily")
        self.rows(
            "INSERT INTO usage_daily (day, tenant_id, experiment_id, sweep_id, owner, gpu_kind,"
            " gpu_hours, idle_gpu_hours, attempts, failed_attempts, amount_usd, waste_usd, unpriced)"
            " SELECT day, tenant_id, coalesce(experiment_id, 0), coalesce(sweep_id, ''), owner, kind,"
            " sum(quantity), coalesce(sum(quantity) FILTER (WHERE is_waste), 0),"
            " count(DISTINCT attempt_id),"
            " count(DISTINCT attempt_id) FILTER (WHERE outcome = 'failed'),"
            " coalesce(sum(amount_usd), 0),"
            " coalesce(sum(amount_usd) FILTER (WHERE is_waste), 0), count(*) FILTER (WHERE amount_usd IS NULL)"
            " FROM cost_entries GROUP BY 1, 2, 3, 4, 5, 6"
        )


def money(text: str) -> Decimal:
    return Decimal(text)
