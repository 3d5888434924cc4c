"""How long the report of a month takes when a million attempts ran in it, section by section.

It may take 30 seconds and 500 MiB; the memory is that of this process, in which pages are made. Some
parameters of what was tried are of few values, the others are continuous. Budgets cover all of it, and
the ledger has every day. Beside it, how long a purge of Dagster's old records takes, and what it frees.
"""

import argparse
import datetime as dt
import json
import resource
import shutil
import tempfile
import time
from typing import Any

from benchmarks.machine import show
from benchmarks.postgres import empty_database, fresh_database, server
from governance.budgets.policy import BUDGETS
from governance.periods import Period
from governance.reports.asked import Asked
from governance.reports.composing import SECTIONS, compose
from governance.reports.html import page
from governance.reports.markdown import markdown
from governance.reports.model import Scope
from storage.database import Pool, open_pool, transaction
from storage.policy_store import PolicyStore
from storage.reports.facts import PostgresReportFacts
from sweeps.objectives import Direction, Objective
from sweeps.policies import PolicyChange
from sweeps.specs import Resources, TrialSpec, as_document
from tests.factories import a_spec

_MONTH, _WEEK = Period.MONTH.span(dt.date(2026, 10, 1)), Period.WEEK.span(dt.date(2026, 10, 14))
_GOAL_SECONDS, _GOAL_MEBIBYTES = 30.0, 500
_TRIALS = 1_000  # of a sweep
_TENANTS = 20
_BUDGETS = "budgets:\n  - {name: everybody, period: month, max_cost_usd: 10000000}\n" + "".join(
    f"  - {{name: month-{n}, tenant: tenant-{n}, period: month, max_cost_usd: {400_000 + n}}}\n"
    for n in range(_TENANTS)
)

_ROWS = (
    "SET session_replication_role = replica",  # triggers guard; here they would only cost time
    """INSERT INTO tenants SELECT 'tenant-' || n FROM generate_series(0, %(tenants)s - 1) AS n""",
    """INSERT INTO experiments (tenant_id, name, owner, purpose)
       SELECT 'tenant-' || n %% %(tenants)s, 'experiment-' || n, 'owner-' || n %% 50, ''
       FROM generate_series(0, 99) AS n""",
    """INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version, spec_digest,
                           source_dir, created_by, created_at, state, ended_at)
       SELECT 'sweep-' || n, e.tenant_id, e.experiment_id,
              %(spec)s::jsonb || jsonb_build_object('owner', e.owner),
              1, '', '/', 'me', '2026-10-01'::timestamptz, 'completed', '2026-10-31'::timestamptz
       FROM generate_series(0, %(sweeps)s - 1) AS n
       JOIN experiments e ON e.name = 'experiment-' || n %% 100""",
    """INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by,
                         created_at, started_at, state, ended_at, objective, resource_level)
       SELECT s.sweep_id || '-' || lpad(n::text, 5, '0'), s.tenant_id, s.experiment_id, s.sweep_id, n,
              n, 'me', at.at, at.at,
              (ARRAY['completed', 'stopped', 'stopped', 'failed', 'completed'])[1 + n %% 5]::run_state,
              at.at + interval '1 hour', CASE WHEN n %% 5 <> 3 THEN random() END,
              (ARRAY[27, 3, 9, 1, 27])[1 + n %% 5]
       FROM sweeps s
       CROSS JOIN generate_series(1, %(trials)s) AS n
       CROSS JOIN LATERAL (
           SELECT '2026-10-01'::timestamptz + random() * interval '30 days'
                  + (n + length(s.sweep_id)) * interval '0'  -- for each anew
       ) AS at (at)""",
    """INSERT INTO suggestions
       SELECT sweep_id, number,
              jsonb_build_object('lr', power(10, -1 - 3 * random()), 'hidden', 16 * (1 + number %% 8),
                                 'act', (ARRAY['relu', 'tanh', 'gelu'])[1 + number %% 3],
                                 'depth', 1 + number %% 4)
              || coalesce(
                  (SELECT jsonb_object_agg('p' || place, random())
                   FROM generate_series(5, %(parameters)s + number * 0) AS place), '{}'),
              number, 0
       FROM runs""",
    """INSERT INTO run_params
       SELECT run_id, pair.key, pair.value
       FROM runs JOIN suggestions USING (sweep_id, number)
       CROSS JOIN LATERAL jsonb_each(configuration) AS pair""",
    """INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at, ended_at,
                             exit_reason)
       SELECT run_id || '-a1', run_id, 1, 'ended', created_at - random() * interval '10 minutes',
              started_at, ended_at,
              CASE WHEN state = 'failed' THEN 'script_failed' ELSE state::text END::exit_reason
       FROM runs""",
    """INSERT INTO cost_entries (day, entry_key, tenant_id, experiment_id, sweep_id, run_id, attempt_id,
                                 owner, category, resource, kind, quantity, unit, unit_price_usd,
                                 amount_usd, outcome, is_waste, price_version)
       SELECT (started_at AT TIME ZONE 'UTC')::date, run_id || '-a1/' || part.key, runs.tenant_id,
              experiment_id, sweep_id, run_id, run_id || '-a1', experiments.owner, 'compute',
              part.resource, part.kind, 1, part.unit, 1, part.amount * (1 + number %% 7),
              CASE WHEN part.key = 'gpu/idle' THEN 'idle' ELSE state::text END,
              part.key = 'gpu/idle', 1
       FROM runs
       JOIN experiments USING (experiment_id)
       CROSS JOIN (VALUES ('gpu', 'gpu', 'a100', 'gpu_hours', 1.5), ('gpu/idle', 'gpu', 'a100',
           'gpu_hours', 0.1), ('cpu', 'cpu', '', 'core_hours', 0.2)
       ) AS part (key, resource, kind, unit, amount)""",
    """INSERT INTO usage_daily (day, tenant_id, experiment_id, sweep_id, owner, gpu_kind, gpu_hours,
                                idle_gpu_hours, attempts, failed_attempts, amount_usd, waste_usd)
       SELECT day, tenant_id, experiment_id, sweep_id, owner, max(kind),
              sum(quantity) FILTER (WHERE resource = 'gpu'),
              sum(quantity) FILTER (WHERE is_waste), count(*) / 3,
              count(*) FILTER (WHERE outcome = 'failed') / 2, sum(amount_usd),
              sum(amount_usd) FILTER (WHERE is_waste)
       FROM cost_entries
       GROUP BY day, tenant_id, experiment_id, sweep_id, owner""",
    """INSERT INTO cost_days (day, covered_until, usage_until, price_version, entries)
       SELECT day, day + interval '1 day', day + interval '1 day', 0, count(*)
       FROM cost_entries
       GROUP BY day""",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--parameters", type=int, default=4, help="of each configuration")
    parser.add_argument("--dagster-runs", type=int, default=5_000)
    arguments = parser.parse_args()
    figures: dict[str, object] = {
        "attempts": arguments.attempts,
        "parameters": arguments.parameters,
    }
    with server() as address:
        with fresh_database(address) as url, open_pool(url, max_size=2) as pool:
            fill(pool, arguments.attempts // _TRIALS, parameters=arguments.parameters)
            figures |= reports(pool)
        with fresh_database(address) as url, empty_database(address) as dagsters:
            figures |= purge(url, dagsters, arguments.dagster_runs)
    show(figures, as_json=arguments.json)


def fill(pool: Pool, n_sweeps: int, *, parameters: int) -> None:
    """A month of sweeps, with an attempt for each trial and three entries for each attempt."""
    accuracy = Objective(metric="accuracy", direction=Direction.MAXIMIZE)
    trial = TrialSpec(command=("python", "train.py"), resources=Resources(gpu=1))
    spec = a_spec(strategy="asha", objective=accuracy, trial=trial)
    asked = {
        "tenants": _TENANTS,
        "sweeps": n_sweeps,
        "trials": _TRIALS,
        "parameters": parameters,
        "spec": json.dumps(as_document(spec)),
    }
    for statement in _ROWS:
        with transaction(pool) as connection:
            connection.execute(statement, asked)  # pyright: ignore[reportArgumentType]  literals above
    policies = PolicyStore(pool)
    before = policies.current(BUDGETS)
    change = PolicyChange(kind=BUDGETS, source="budgets.yaml", before=before, text=_BUDGETS)
    policies.apply([change], by="benchmark", comment="")
    with pool.connection() as connection:
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")  # as autovacuum does


def reports(pool: Pool) -> dict[str, object]:
    """Seconds of each section, and of whole reports."""
    facts = PostgresReportFacts(pool)
    figures: dict[str, object] = {}
    for key, _, make in SECTIONS:
        figures[f"month_{key}_s"] = _took(lambda make=make: make(facts, Asked(Scope(), _MONTH)))
    now = dt.datetime.now(dt.UTC)
    took: dict[str, float] = {}
    for name, scope, period, is_portfolio in (
        ("month", Scope(), _MONTH, False),
        ("week", Scope(), _WEEK, False),
        ("month_of_a_tenant", Scope(tenant="tenant-3"), _MONTH, False),
        ("week_of_a_tenant", Scope(tenant="tenant-3"), _WEEK, False),
        ("portfolio", Scope(), _MONTH, True),
    ):
        begun = time.perf_counter()
        report = compose(facts, scope, period, now=now, is_portfolio=is_portfolio)
        took[name] = round(time.perf_counter() - begun, 2)
        assert not report.problems, report.problems
        figures[f"{name}_s"] = took[name]
        figures[f"{name}_html_kib"] = round(len(page(report)) / 1024)
        figures[f"{name}_markdown_kib"] = round(len(markdown(report)) / 1024)
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        **figures,
        "peak_mib": mebibytes,
        "is_good": took["month"] <= _GOAL_SECONDS and mebibytes <= _GOAL_MEBIBYTES,
    }


def _took(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return round(time.perf_counter() - begun, 2)


def purge(url: str, dagsters: str, n_runs: int) -> dict[str, object]:
    """A Dagster database with many old runs of two jobs, as schedules leave them."""
    import dagster as dg
    import psycopg

    from assets.partitions import SWEEPS
    from orchestration.purge.purge import purge as purge_once
    from orchestration.settings import dagster_url
    from retention.orchestration import OrchestrationPolicy
    from storage.partition_subjects import PostgresPartitionSubjects

    @dg.asset(name="sweep", partitions_def=SWEEPS)
    def sweep(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        for n in range(20):
            context.log_event(dg.AssetObservation("trials", partition="s0", metadata={"trial": n}))
        return dg.MaterializeResult(metadata={"leaderboard": dg.MetadataValue.md("x" * 20_000)})

    @dg.asset
    def rollup() -> None:
        pass

    home = tempfile.mkdtemp(prefix="swb-")
    storage = {"postgres": {"postgres_url": dagster_url(dagsters)}}
    try:
        with (
            dg.instance_for_test(overrides={"storage": storage}, temp_dir=home) as instance,
            open_pool(url, max_size=1) as pool,
            psycopg.connect(dagsters, autocommit=True) as connection,
        ):
            instance.add_dynamic_partitions("sweeps", ["s0"])
            first = dg.materialize([sweep], partition_key="s0", instance=instance).run_id
            second = dg.materialize([rollup], instance=instance).run_id
            for run_id, count in ((first, n_runs // 10), (second, n_runs - n_runs // 10)):
                _multiply(connection, run_id, count)
            _add_ticks(connection, n_runs * 10)
            connection.execute("VACUUM FULL")
            before = _size(connection)
            begun = time.perf_counter()
            done = purge_once(
                instance,
                PostgresPartitionSubjects(pool),
                OrchestrationPolicy(),
                now=dt.datetime.now(dt.UTC),
            )
            seconds = time.perf_counter() - begun
            again = _took(
                lambda: purge_once(
                    instance,
                    PostgresPartitionSubjects(pool),
                    OrchestrationPolicy(),
                    now=dt.datetime.now(dt.UTC),
                )
            )
            connection.execute("VACUUM FULL")
            after = _size(connection)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return {
        "purge_dagster_runs": done.dagster_runs,
        "purge_events": done.events,
        "purge_s": round(seconds, 1),
        "purge_ms_per_run": round(seconds / max(1, done.dagster_runs) * 1000, 1),
        "purge_again_s": again,
        "dagster_mib_before": round(before / 2**20, 1),
        "dagster_mib_after": round(after / 2**20, 1),
    }


def _multiply(connection: Any, run_id: str, count: int) -> None:
    """Copies of a Dagster run and its events that ended long ago."""
    old = "now() AT TIME ZONE 'UTC' - interval '90 days'"
    named = "replace({column}, %(run)s, 'old-' || %(run)s || '-' || n)"
    parameters = {"run": run_id, "count": count}
    columns = "snapshot_id, pipeline_name, mode, status, start_time"
    connection.execute(
        f"INSERT INTO runs (run_id, run_body, {columns}, end_time, create_timestamp, update_timestamp)"
        f" SELECT {named.format(column='run_id')}, {named.format(column='run_body')}, {columns},"
        f" end_time - 90 * 86400, {old}, {old}"
        " FROM runs, generate_series(1, %(count)s) AS n WHERE run_id = %(run)s",
        parameters,
    )
    connection.execute(
        f"INSERT INTO run_tags (run_id, key, value) SELECT {named.format(column='run_id')}, key,"
        " CASE WHEN key = 'dagster/partition' THEN 's' || n ELSE value END"
        " FROM run_tags, generate_series(1, %(count)s) AS n WHERE run_id = %(run)s",
        parameters,
    )
    connection.execute(
        "INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key,"
        f" partition) SELECT {named.format(column='run_id')}, {named.format(column='event')},"
        f" dagster_event_type, {old}, step_key, asset_key,"
        " CASE WHEN partition IS NOT NULL THEN 's' || n END"
        " FROM event_logs, generate_series(1, %(count)s) AS n WHERE run_id = %(run)s ORDER BY n, id",
        parameters,
    )


def _add_ticks(connection: Any, count: int) -> None:
    connection.execute(
        "INSERT INTO job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)"
        " SELECT 'o', 's', 'SKIPPED', 'SENSOR', now() - interval '90 days', repeat('x', 400)"
        " FROM generate_series(1, %s)",
        [count],
    )


def _size(connection: Any) -> int:
    return int(connection.execute("SELECT pg_database_size(current_database())").fetchone()[0])


if __name__ == "__main__":
    main()
