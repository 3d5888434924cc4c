"""Migrations of databases that are not ours alone."""

from urllib.parse import quote

import psycopg

from storage.migrations_runner import upgrade
from storage.schema_state import SchemaState, schema_state
from tests.plugins.postgres import Database


def test_every_table_is_in_our_schema_whoever_migrates(
    empty_databases: tuple[Database, Database],
) -> None:
    database, _ = empty_databases
    # As for a user of another name than the schema's.
    separator = "&" if "?" in database.url else "?"
    url = f"{database.url}{separator}options={quote('-c search_path=public')}"

    upgrade(url)

    assert schema_state(url) is SchemaState.CURRENT
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        ).fetchall()
    assert rows == [("schema_revisions",)]
