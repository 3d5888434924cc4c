"""Sealing on a real database held to its rule, and API tokens."""

import datetime as dt
import itertools

import pytest

from retention.sealing import SealingRule
from storage.database import Pool, transaction
from storage.run_catalog import RunCatalog
from storage.token_store import TokenStore
from sweeps.errors import AccessDenied, RunNotFound
from sweeps.ids import RunId, TenantId
from tests.integration.storage.test_ingest_store import TENANT, a_scratch_run

NOW = dt.datetime.now(dt.UTC)


def test_the_statement_seals_what_the_rule_says(pool: Pool) -> None:
    rule = SealingRule(grace=dt.timedelta(hours=1))  # so long that the test's own time is nothing
    now = dt.datetime.now(dt.UTC)
    cases = [
        (ended, finished)
        for ended in (None, 0, 3000, 3700, 9000)
        for n in (0, 1, 2)
        for finished in itertools.product((True, False), repeat=n)
    ]
    due: set[RunId] = set()
    for number, (ended, finished) in enumerate(cases):
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
                    "UPDATE runs SET state = 'completed', ended_at = %s WHERE run_id = %s",
                    [ended_at, run],
                )
        if rule.is_due(ended_at=ended_at, finished_ats=finished_ats, now=now):
            due.add(run)

    sealed = RunCatalog(pool).seal(grace=rule.grace)

    assert set(sealed) == due
    assert 0 < len(due) < len(cases)
    assert RunCatalog(pool).seal(grace=rule.grace) == ()


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
