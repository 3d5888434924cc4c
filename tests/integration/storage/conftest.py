"""A store on a fresh database, and what people and gateways do to it."""

import datetime as dt
from collections.abc import Generator

import pytest

from storage.database import Pool, open_pool, transaction
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.claims import SweepClaims
from storage.sweeps.trials import PostgresTrialStore
from sweeps.ids import RunId, SweepId
from sweeps.specs import SweepSpec
from sweeps.states import Decision, SweepRequest
from tests.factories import HERE
from tests.plugins.postgres import Database


class PostgresWorld:
    """The real thing, seen from all its sides."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.store = PostgresTrialStore(pool)
        self.catalog = SweepCatalog(pool)
        self.claims = SweepClaims(pool, place=HERE)

    def submit(self, sweep_id: SweepId, spec: SweepSpec) -> None:
        self.catalog.submit(sweep_id, spec, source_dir="/there", created_by="me")

    def request(self, sweep_id: SweepId, requested: SweepRequest) -> None:
        self.catalog.request(sweep_id, requested)

    def report(self, run_id: RunId, level: int, value: float, *, reported_at: dt.datetime) -> None:
        with transaction(self.pool) as connection:
            connection.execute(
                """
                INSERT INTO reports (run_id, resource_level, sweep_id, value, "values", reported_at,
                                     received_at)
                SELECT run_id, %s, sweep_id, %s, '{}', %s, clock_timestamp()
                FROM runs WHERE run_id = %s
                ON CONFLICT DO NOTHING
                """,
                (level, value, reported_at, run_id),
            )
        self.beat(run_id, seen_at=reported_at)

    def beat(self, run_id: RunId, *, seen_at: dt.datetime) -> None:
        with transaction(self.pool) as connection:
            connection.execute(
                "UPDATE run_activity SET last_seen_at = greatest(last_seen_at, %s)"
                " WHERE run_id = %s",
                (seen_at, run_id),
            )

    def control(self, run_id: RunId) -> Decision:
        with transaction(self.pool) as connection:
            row = connection.execute(
                "SELECT control::text FROM run_activity WHERE run_id = %s", (run_id,)
            ).fetchone()
        assert row is not None
        return Decision(row[0])


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=8) as pool:
        yield pool


@pytest.fixture
def world(pool: Pool) -> PostgresWorld:
    return PostgresWorld(pool)
