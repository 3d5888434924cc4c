import psycopg

from tests.plugins.postgres import Database


def test_every_test_gets_an_empty_database_with_the_schema(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        row = connection.execute("SELECT count(*) FROM sweepworks.runs").fetchone()

    assert row == (0,)
