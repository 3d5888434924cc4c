"""Sealing on a real database held to its rule, and API tokens."""

import concurrent.futures
import datetime as dt
import itertools

import pytest

from retention.sealing import SealingRule
from retention.silence import Deafness, SilenceRule
from storage.database import Pool, transaction
from storage.runs.catalog import RunCatalog
from storage.runs.upkeep import RunUpkeep
from storage.token_store import TokenStore
from sweeps.errors import AccessDenied, RunNotFound
from sweeps.ids import RunId, TenantId
from sweeps.states import RunState
from tests.integration.storage.test_ingest_store import TENANT, a_scratch_run

NOW = dt.datetime.now(dt.UTC)


def test_the_statement_seals_what_the_rule_says(pool: Pool) -> None:
    # So long that the test's own time is nothing.
    rule = SealingRule(grace=dt.timedelta(hours=1), lost_grace=dt.timedelta(hours=2))
    now = dt.datetime.now(dt.UTC)
    cases = [
        (ended, is_lost, finished)
        for ended in (None, 0, 3000, 3700, 7000, 9000)
        for is_lost in (False, True)
        for n in (0, 1, 2)
        for finished in itertools.product((True, False), repeat=n)
    ]
    due: set[RunId] = set()
    for number, (ended, is_lost, finished) in enumerate(cases):
        run = a_scratch_run(pool, f"scratch-{number:012d}")
        ended_at = None if ended is None else now - dt.timedelta(seconds=ended)
        finished_ats = [now if done else None for done in finished]
        with transaction(pool) as connection:
            for writer, finished_at in enumerate(finished_ats):
                connection.execute(
                    "INSERT INTO writers (run_id, writer_id, watermark, finished_at, updated_at)"
                    " VALUES (%s, %s, 1, %s, now())",
                    [run, str(writer), finished_at],
                )
            if ended_at is not None:
                connection.execute(
                    "UPDATE runs SET state = 'failed', ended_at = %s, lost_at = %s"
                    " WHERE run_id = %s",
                    [ended_at, ended_at if is_lost else None, run],
                )
        if rule.is_due(ended_at=ended_at, finished_ats=finished_ats, now=now, is_lost=is_lost):
            due.add(run)

    sealed = RunUpkeep(pool).seal(rule)

    assert set(sealed) == due
    assert 0 < len(due) < len(cases)
    assert RunUpkeep(pool).seal(rule) == ()


def test_the_statement_fails_the_silent_runs_that_the_rule_says(pool: Pool) -> None:
    now = dt.datetime.now(dt.UTC)
    rule = SilenceRule(after=dt.timedelta(hours=1))  # so long that the test's own time is nothing

    def ago(minutes: float) -> dt.datetime:
        return now - dt.timedelta(minutes=minutes)

    deaf = [
        Deafness(since=ago(since), until=ago(until))
        for since, until in [(5000, 3000), (200, 170), (169, 160), (100, 50), (20, 1)]
    ]
    with transaction(pool) as connection:
        for gap in deaf:
            connection.execute(
                "INSERT INTO gateway_gaps (since, until) VALUES (%s, %s)", [gap.since, gap.until]
            )
    silences = [0, 10, 60, 80, 110, 130, 145, 150, 155, 180, 250, 4000, 9000]
    lost: set[RunId] = set()
    for number, minutes in enumerate(silences):
        run = a_scratch_run(pool, f"scratch-{number:012d}")
        if rule.is_lost(last_seen_at=ago(minutes), deaf=deaf, now=now):
            lost.add(run)
        with transaction(pool) as connection:
            connection.execute(
                "UPDATE run_activity SET last_seen_at = %s WHERE run_id = %s", [ago(minutes), run]
            )

    failed = RunUpkeep(pool).fail_silent(after=rule.after)

    assert set(failed) == lost
    assert 0 < len(lost) < len(silences)
    assert RunUpkeep(pool).fail_silent(after=rule.after) == ()
    record = RunCatalog(pool).get(failed[0], tenant_id=TENANT).run
    assert (record.state, record.ended_at is not None) == (RunState.FAILED, True)
    assert record.reason.startswith("silent since ")


def test_a_run_that_is_written_to_is_not_silent(pool: Pool) -> None:
    run, upkeep = a_scratch_run(pool), RunUpkeep(pool)
    with transaction(pool) as connection:
        connection.execute("UPDATE run_activity SET last_seen_at = now() - interval '1 day'")

    with transaction(pool) as connection:  # a batch that has not committed yet
        connection.execute("SELECT FROM runs WHERE run_id = %s FOR KEY SHARE", [run])
        assert upkeep.fail_silent(after=dt.timedelta(0)) == ()
    assert upkeep.fail_silent(after=dt.timedelta(0)) == (run,)


def test_trials_and_what_has_ended_are_never_silent(pool: Pool) -> None:
    ended = a_scratch_run(pool)
    with transaction(pool) as connection:
        connection.execute("UPDATE run_activity SET last_seen_at = now() - interval '1 day'")
        connection.execute("UPDATE runs SET state = 'completed', ended_at = now()")

    assert RunUpkeep(pool).fail_silent(after=dt.timedelta(0)) == ()
    assert RunCatalog(pool).get(ended, tenant_id=TENANT).run.state == RunState.COMPLETED


def test_a_time_without_a_gateway_is_noted_once_and_a_moment_is_none(pool: Pool) -> None:
    def note(*, last: str | None = None) -> list[float]:
        with transaction(pool) as connection:
            if last is not None:
                connection.execute(f"UPDATE gateway_activity SET last_seen_at = now() - {last}")  # pyright: ignore[reportArgumentType, reportCallIssue]  literals below
        RunUpkeep(pool).note_gateway()
        with transaction(pool) as connection:
            rows = connection.execute("SELECT until - since FROM gateway_gaps ORDER BY until")
            return [row[0].total_seconds() for row in rows]

    assert note() == []
    assert note(last="interval '3 seconds'") == []
    assert note(last="interval '1 hour'") == [pytest.approx(3600, abs=5)]
    assert len(note()) == 1
    with concurrent.futures.ThreadPoolExecutor(4) as gateways:
        note(last="interval '2 hours'")
        list(gateways.map(lambda _: RunUpkeep(pool).note_gateway(), range(8)))
    assert len(note()) == 2


def test_a_token_speaks_for_its_tenant_until_it_is_revoked(pool: Pool) -> None:
    tokens = TokenStore(pool)
    token = tokens.create(tenant_id=TenantId("vision"), name="ci")

    assert tokens.owner_of(token).tenant_id == "vision"
    assert tokens.revoke(tenant_id=TenantId("audio"), name="ci") == 0
    assert tokens.revoke(tenant_id=TenantId("vision"), name="ci") == 1
    with pytest.raises(AccessDenied):
        tokens.owner_of(token)
    tokens.ensure(token, tenant_id=TenantId("audio"), name="again")
    with pytest.raises(AccessDenied):
        tokens.owner_of(token)
    (row,) = tokens.list(tenant_id=TenantId("vision"))
    assert row.revoked_at is not None


def test_an_expired_token_opens_nothing(pool: Pool) -> None:
    tokens = TokenStore(pool)
    token = tokens.create(tenant_id=TENANT, name="short", expires_at=NOW - dt.timedelta(seconds=1))

    with pytest.raises(AccessDenied):
        tokens.owner_of(token)


def test_a_token_is_nowhere_in_the_database(pool: Pool) -> None:
    token = TokenStore(pool).create(tenant_id=TENANT, name="ci")

    with transaction(pool) as connection:
        stored = connection.execute("SELECT api_tokens::text FROM api_tokens").fetchall()

    assert token.startswith("swk_")
    assert len(token) > 40
    assert all(token not in row[0] for row in stored)


def test_a_run_of_another_tenant_is_none(pool: Pool) -> None:
    run = a_scratch_run(pool)
    catalog = RunCatalog(pool)
    them = TenantId("them")

    for ask in (
        lambda: catalog.get(run, tenant_id=them),
        lambda: catalog.series(run, tenant_id=them),
        lambda: catalog.points(run, "x", tenant_id=them),
        lambda: catalog.decision(run, level=1, tenant_id=them),
    ):
        with pytest.raises(RunNotFound):
            ask()
