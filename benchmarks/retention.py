"""How long a plan of retention takes over a million artifacts of a hundred thousand runs, and a deletion.

A hundred sweeps of a thousand trials, each with ten artifacts: checkpoints with reports, logs and
files. One run of a thousand is kept, and learnt from others. The floor is a bare scan: the same rows
counted and summed by the database, nothing judged.

Then a tenth of the artifacts is due, and is deleted while somebody tags runs, one after another: how
long the deletion takes, and how long the longest of these tags does. Its floor is a tag while nothing
is deleted.
"""

import argparse
import datetime as dt
import resource
import subprocess
import sys
import threading
import time
from importlib.resources import files
from typing import Any

from benchmarks.machine import show
from benchmarks.postgres import fresh_database, server
from retention.planning import plan
from retention.policy_file import RETENTION
from storage.annotations.tags import TagStore
from storage.database import Pool, connect, open_pool, transaction
from storage.retention.deletion import RetentionDeletion
from storage.retention.plan_summary import summary_of
from storage.retention.store import RetentionStore
from storage.retention.world import load_world
from storage.token_store import TokenStore
from sweeps.ids import RunId, TenantId
from sweeps.tags import Subject, SubjectKind, Tag

_GOAL_SECONDS, _GOAL_MEGABYTES = 30.0, 500.0
_GOAL_TAG_SECONDS = 1.0
_GRACE = dt.timedelta(days=8)
_TAG_PAUSE_SECONDS = 0.01
#: Without triggers, which would take minutes; the edges that they make are made here.
_FILL = """
SET session_replication_role = replica;
SET search_path = sweepworks, public;
INSERT INTO experiments (tenant_id, name, owner, purpose)
SELECT 'default', 'experiment-' || i, 'me', 'x' FROM generate_series(0, 19) AS i;
INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version, spec_digest, source_dir,
                    created_by, state, ended_at)
SELECT 'sweep-' || lpad(i::text, 8, '0'), 'default', 1 + i % 20,
       '{{"objective": {{"metric": "loss", "direction": "minimize"}}, "warm_start": []}}', 1, '', '',
       'me', 'completed', now()
FROM generate_series(0, {sweeps} - 1) AS i;
INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by, state,
                  created_at, started_at, ended_at, sealed_at, objective)
SELECT 'sweep-' || lpad((i / 1000)::text, 8, '0') || '-' || lpad((i % 1000)::text, 5, '0'), 'default',
       1 + (i / 1000) % 20, 'sweep-' || lpad((i / 1000)::text, 8, '0'), i % 1000, i, 'me',
       (ARRAY['completed', 'stopped', 'failed'])[1 + i % 3]::run_state,
       now() - interval '200 days', now() - interval '200 days',
       now() - (i % 200) * interval '1 day', now() - (i % 200) * interval '1 day',
       CASE WHEN i % 3 < 2 THEN sin(i) END
FROM generate_series(0, {runs} - 1) AS i;
INSERT INTO blobs (tenant_id, sha256, size_bytes)
SELECT 'default', sha256(i::text::bytea), 1000 + i % 1000
FROM generate_series(0, {artifacts} - 1) AS i;
INSERT INTO artifacts (tenant_id, run_id, name, type, sha256, size_bytes, created_at)
SELECT 'default', run_id,
       CASE WHEN k < 8 THEN 'checkpoints/' || k || '/model.pt' WHEN k = 8 THEN 'logs/a1.log'
            ELSE 'report.json' END,
       CASE WHEN k < 8 THEN 'checkpoint' WHEN k = 8 THEN 'log' ELSE 'file' END,
       sha256((place * 10 + k)::text::bytea), 1000 + (place * 10 + k) % 1000, ended_at
FROM (SELECT run_id, ended_at, row_number() OVER (ORDER BY run_id) - 1 AS place FROM runs) AS r
CROSS JOIN generate_series(0, 9) AS k;
INSERT INTO reports (run_id, resource_level, sweep_id, value, "values", reported_at)
SELECT run_id, k, sweep_id, cos(seed * k), '{{}}', now()
FROM runs CROSS JOIN generate_series(0, 7) AS k;
INSERT INTO lineage_edges (tenant_id, upstream, downstream)
SELECT 'default', 'run:' || run_id, 'artifact:' || run_id || '/' || name FROM artifacts;
INSERT INTO run_tags (run_id, name, value)
SELECT run_id, 'keeper', '' FROM runs WHERE seed % 1000 = 0;
INSERT INTO lineage_edges (tenant_id, upstream, downstream)
SELECT 'default', 'artifact:' || run_id || '/checkpoints/7/model.pt', 'run:' || next
FROM (SELECT run_id, lead(run_id) OVER (ORDER BY run_id) AS next, seed FROM runs) AS r
WHERE seed % 1000 BETWEEN 990 AND 999 AND next IS NOT NULL;
"""
#: Of what is marked all but a tenth of the artifacts.
_KEEP_OTHERS = """
UPDATE sweepworks.retention_items
SET state = 'undone'
WHERE state = 'marked'
  AND (plan_id, ordinal) NOT IN (
      SELECT plan_id, ordinal
      FROM sweepworks.retention_items
      WHERE state = 'marked' AND kind = 'artifact'
      ORDER BY due_at, plan_id, ordinal
      LIMIT {due})
"""
_SCAN = """
SELECT count(*), sum(artifacts.size_bytes), count(reports.value)
FROM sweepworks.artifacts
JOIN sweepworks.runs USING (run_id)
LEFT JOIN sweepworks.reports
    ON reports.run_id = artifacts.run_id
    AND reports.resource_level
        = substring(artifacts.name FROM '^checkpoints/([0-9]{1,18})/')::bigint
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--url", help="Measure there: the second process of a benchmark.")
    arguments = parser.parse_args()
    if arguments.url:
        _measure(arguments.url, due=arguments.runs)
        return
    artifacts = arguments.runs * 10
    with server() as address, fresh_database(address) as url:
        with open_pool(url, max_size=1) as pool:
            TokenStore(pool).create(tenant_id=TenantId("default"), name="benchmark")
        with connect(url, autocommit=True) as connection:
            fill: Any = _FILL.format(
                sweeps=arguments.runs // 1000, runs=arguments.runs, artifacts=artifacts
            )
            connection.execute(fill)
            for table in ("runs", "artifacts", "reports", "lineage_edges", "blobs"):
                statement: Any = f"VACUUM (ANALYZE) sweepworks.{table}"
                connection.execute(statement)
        # A process of its own, so that the memory is the plan's.
        command = [
            sys.executable, "-m", "benchmarks.retention", "--url", url,
            "--runs", str(arguments.runs),
        ]  # fmt: skip
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, object] = {"artifacts": artifacts, "runs": arguments.runs}
    for line in told.splitlines():
        name, _, value = line.partition(" ")
        figures[name] = float(value)
    figures["is_good"] = (
        float(str(figures["plan_seconds"])) <= _GOAL_SECONDS
        and float(str(figures["peak_megabytes"])) <= _GOAL_MEGABYTES
        and float(str(figures["longest_tag_seconds"])) <= _GOAL_TAG_SECONDS
    )
    show(figures, as_json=arguments.json)


def _measure(url: str, *, due: int) -> None:
    text = (files(RETENTION.package) / RETENTION.file_name).read_text(encoding="utf-8")
    policy = RETENTION.parse(text, source=RETENTION.file_name)
    now = dt.datetime.now(dt.UTC)
    with connect(url) as connection:
        began = time.perf_counter()
        connection.execute(_SCAN).fetchall()
        print("scan_seconds", time.perf_counter() - began)
    with open_pool(url, max_size=2) as pool:
        began = time.perf_counter()
        world = load_world(pool)
        loaded = time.perf_counter()
        found = plan(world, policy, now=now)
        judged = time.perf_counter()
        summary = summary_of(found)
        print("load_seconds", loaded - began)
        print("judge_seconds", judged - loaded)
        print("plan_seconds", judged - began)
        print("peak_megabytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print("planned_items", sum(share["count"] for share in summary["goes"].values()))
        print("spared_items", sum(share["count"] for share in summary["spared"].values()))
        began = time.perf_counter()
        kept = RetentionStore(pool).keep(found, policy_version=0, who="benchmark")
        print("keep_seconds", time.perf_counter() - began)
        del world, found
    with open_pool(url, max_size=4) as pool:
        began = time.perf_counter()
        RetentionStore(pool).apply(kept.plan_id, policy, who="benchmark", now=now)
        print("apply_seconds", time.perf_counter() - began)
        with connect(url) as connection:
            keep_others: Any = _KEEP_OTHERS.format(due=due)
            connection.execute(keep_others)
        _delete(pool, now=now + _GRACE)


def _delete(pool: Pool, *, now: dt.datetime) -> None:
    """Delete what is due while somebody tags."""
    with transaction(pool) as connection:
        statement: Any = "SELECT run_id FROM runs ORDER BY md5(run_id) LIMIT 10000"
        runs = [RunId(run_id) for (run_id,) in connection.execute(statement)]
    alone = [_tag(pool, run) for run in runs[:100]]
    print("longest_tag_alone_seconds", max(alone))
    waits: list[float] = []
    is_done = threading.Event()

    def tag() -> None:
        for run in runs:
            waits.append(_tag(pool, run))
            if is_done.wait(_TAG_PAUSE_SECONDS):
                return

    thread = threading.Thread(target=tag)
    thread.start()
    began = time.perf_counter()
    carried = RetentionDeletion(pool).delete_due(now=now)
    print("delete_seconds", time.perf_counter() - began)
    is_done.set()
    thread.join()
    print("deleted_items", carried.deleted)
    print("tags_meanwhile", len(waits))
    print("longest_tag_seconds", max(waits))


def _tag(pool: Pool, run: RunId) -> float:
    """How long it takes to tag a run with what retention does not go by."""
    began = time.perf_counter()
    TagStore(pool).set(
        Subject(SubjectKind.RUN, run), Tag("looked_at"), tenant_id=TenantId("default"), by="me"
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
