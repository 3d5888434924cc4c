"""Which run's summaries are due is found without a look at all that came late."""

import pytest

from storage import queries
from storage.database import Pool, transaction
from storage.runs.summaries import RunSummaries
from storage.token_store import TokenStore
from sweeps.ids import TenantId

_SEALED = 300
_NOTES = 50_000


def _fill(pool: Pool, *, note_of_all: bool) -> None:
    """Sealed runs whose summaries were refreshed just now, and notes of other runs' late points."""
    TokenStore(pool).create(tenant_id=TenantId("default"), name="me")
    with transaction(pool) as connection:
        connection.execute(
            "WITH made AS ("
            " INSERT INTO experiments (tenant_id, name, owner, purpose)"
            " VALUES ('default', 'e', 'o', 'p') RETURNING experiment_id)"
            " INSERT INTO runs (run_id, tenant_id, experiment_id, seed, created_by, state,"
            "                   started_at, ended_at, sealed_at)"
            " SELECT 'z' || i, 'default', experiment_id, 1, 'o', 'completed', now(), now(), now()"
            " FROM made, generate_series(1, %s) AS i",
            [_SEALED],
        )
        connection.execute(
            "INSERT INTO series (series_id, run_id, key) SELECT i, 'z' || i, 'k'"
            " FROM generate_series(1, %s) AS i",
            [_SEALED],
        )
        connection.execute("UPDATE run_summaries SET refreshed_at = now()")
        connection.execute(
            "INSERT INTO late_metric_points (tier, series_id, hour)"
            " SELECT 'metric_points_1m', 1000 + i %% 5000, 36000 * (i / 5000)"
            " FROM generate_series(1, %s) AS i",
            [_NOTES],
        )
        # Every sealed run has something to wait for.
        connection.execute(
            "INSERT INTO late_metric_points (tier, series_id, hour)"
            " SELECT 'metric_points_1h', i, 0 FROM generate_series(1, %s) AS i",
            [_SEALED],
        )
        if note_of_all:
            connection.execute(
                "INSERT INTO late_metric_points VALUES ('metric_points_1h', NULL, 0)"
            )
        connection.execute("ANALYZE")


@pytest.mark.parametrize("note_of_all", [False, True])
def test_a_look_reads_no_notes_of_other_runs(pool: Pool, note_of_all: bool) -> None:
    _fill(pool, note_of_all=note_of_all)
    take = queries.load("summaries")["take_sealed"]

    with transaction(pool) as connection:
        plan = connection.execute("EXPLAIN (ANALYZE, COSTS off, TIMING off) " + take).fetchall()

    text = "\n".join(row[0] for row in plan)
    assert "late_metric_points_series_idx" in text
    assert "Seq Scan on late_metric_points" not in text, text


def test_a_run_is_due_when_its_own_late_points_are_rolled_up(pool: Pool) -> None:
    _fill(pool, note_of_all=False)
    summaries = RunSummaries(pool)
    assert summaries.refresh(seconds=1) == 0

    with transaction(pool) as connection:
        connection.execute("DELETE FROM late_metric_points WHERE series_id IN (7, 8)")

    assert summaries.refresh(seconds=1) == 2
    with transaction(pool) as connection:
        final = connection.execute("SELECT run_id FROM run_summaries WHERE is_final").fetchall()
    assert sorted(final) == [("z7",), ("z8",)]


def test_sealed_runs_go_before_live_ones(pool: Pool) -> None:
    _fill(pool, note_of_all=False)
    with transaction(pool) as connection:
        connection.execute("DELETE FROM late_metric_points")
        connection.execute(
            "INSERT INTO runs (run_id, tenant_id, experiment_id, seed, created_by, state, started_at)"
            " SELECT 'live' || i, 'default', (SELECT experiment_id FROM experiments), 1, 'o',"
            " 'running', now() FROM generate_series(1, 50) AS i"
        )
        connection.execute(
            "UPDATE run_summaries SET refreshed_at = '-infinity' WHERE run_id LIKE 'live%'"
        )

    RunSummaries(pool).refresh(seconds=0.05)

    with transaction(pool) as connection:
        ((live, final),) = connection.execute(
            "SELECT count(*) FILTER (WHERE run_id LIKE 'live%' AND refreshed_at > '-infinity'),"
            " count(*) FILTER (WHERE is_final) FROM run_summaries"
        ).fetchall()
    assert final > 0
    assert live == 0 or final == _SEALED
