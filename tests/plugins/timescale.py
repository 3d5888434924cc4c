"""TimescaleDB for tests where no server of it is: one for each worker of xdist that asks."""

from collections.abc import Generator

import psycopg
import pytest

from storage.migrations_runner import upgrade
from tests.plugins.postgres import Database
from tests.timescaledb_wasm.server import wasm_timescaledb


@pytest.fixture(scope="session")
def _wasm_server() -> Generator[str, None, None]:
    with wasm_timescaledb() as url:
        yield url


@pytest.fixture
def empty_timescale_database(_wasm_server: str) -> Database:
    """The one database there, with nothing in it. It takes one connection at a time."""
    with psycopg.connect(_wasm_server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS sweepworks CASCADE")
        connection.execute("DROP TABLE IF EXISTS schema_revisions")
    return Database(_wasm_server)


@pytest.fixture
def timescale_database(empty_timescale_database: Database) -> Database:
    """The same with the current schema."""
    upgrade(empty_timescale_database.url)
    return empty_timescale_database
