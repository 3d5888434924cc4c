"""A database of an older version becomes one of this version, with what is in it."""

import time
from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from storage.migrations_runner import upgrade
from storage.schema_state import SchemaMismatch, SchemaState, schema_state
from tests.plugins.postgres import Database

pytestmark = pytest.mark.xdist_group("timescale")


@pytest.fixture(params=["server", "wasm"])
def empty_database(request: pytest.FixtureRequest) -> Generator[Database, None, None]:
    if request.param == "server":
        yield request.getfixturevalue("empty_databases")[0]
    else:
        yield request.getfixturevalue("empty_timescale_database")


def test_revisions_apply_one_by_one_whoever_the_user_is(empty_database: Database) -> None:
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        name = connection.info.dbname
        # The embedded server's user is called as the schema is, which finds it by itself.
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET search_path = public").format(sql.Identifier(name))
        )

    for revision in ("0002", "0005", "0010", "head"):
        upgrade(empty_database.url, revision=revision)

    assert schema_state(empty_database.url) is SchemaState.CURRENT
    with psycopg.connect(empty_database.url) as connection:
        (stray,) = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)",
            [["schema_revisions"]],
        ).fetchone() or (None,)
    assert stray == 0


OLD_POINTS = [
    (1, 10, "now() - INTERVAL '60 days'", 1.5),
    (1, 11, "now() - INTERVAL '60 days' + INTERVAL '40 milliseconds'", float("nan")),
    (1, 12, "now() - INTERVAL '3 hours'", 2.5),
    (2, 2**62, "now()", float("-inf")),
    (3, -7, "'1970-01-05 00:00:00.123456+00'", 3.5),
    (4, 1, "'9990-01-05 00:00:00+00'", 4.5),
    (5, 1, "'0004-01-05 00:00:00+00'", 5.5),
]


def test_points_from_before_tenths_of_a_second_are_there_after(empty_database: Database) -> None:
    upgrade(empty_database.url, revision="0009")
    with _ours(empty_database) as connection:
        for series, step, at, value in OLD_POINTS:
            if "1970" not in at and "9990" not in at and "0004" not in at:
                connection.execute(f"SELECT ensure_metric_partition(({at})::date)")  # pyright: ignore[reportArgumentType, reportCallIssue]  literals above
            connection.execute(
                f"INSERT INTO metric_points (series_id, step, ts, value) VALUES (%s, %s, {at}, %s)",  # pyright: ignore[reportArgumentType, reportCallIssue]
                [series, step, value],
            )
        before = _rows(
            connection,
            "SELECT series_id, step, floor(extract(epoch FROM ts) * 10)::text, value::text"
            " FROM metric_points ORDER BY 1, 2",
        )

    upgrade(empty_database.url)

    with _ours(empty_database) as connection:
        after = _rows(
            connection,
            "SELECT series_id, step, time_ds::text, value::text FROM metric_points ORDER BY 1, 2",
        )
        exact = _rows(
            connection,
            "SELECT metric_time(time_ds)::text FROM metric_points WHERE series_id IN (3, 4, 5)"
            " ORDER BY series_id",
        )
        _refresh(connection)
        points = _rows(connection, "SELECT sum(count)::int FROM metric_points_1h")
        hot = _rows(connection, "SELECT hot_width FROM metric_storage")[0][0]
        connection.execute("SELECT ensure_metric_chunk(metric_now())")
        connection.execute("INSERT INTO metric_points VALUES (6, 1, metric_now(), 1)")
        (found,) = _rows(
            connection,
            "SELECT high - low FROM metric_chunk_bounds() WHERE low <= metric_now() AND high > metric_now()",
        )
    assert after == before
    assert exact == [
        ("1970-01-05 00:00:00.1+00",),
        ("9990-01-05 00:00:00+00",),
        ("0004-01-05 00:00:00+00",),
    ]
    assert points == [(len(OLD_POINTS),)]
    assert found == (hot,)


def test_a_gateway_of_the_version_before_is_refused_and_loses_nothing(
    empty_database: Database,
) -> None:
    upgrade(empty_database.url)
    # Eight bytes that the new column would take, and read as a time in the year 2600000.
    old_form = (
        b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\x00\x04" + 4 * (b"\x00\x00\x00\x08" + bytes(8))
    ) + b"\xff\xff"

    with (
        _ours(empty_database) as connection,
        pytest.raises(psycopg.errors.UndefinedColumn),
        connection.cursor().copy(
            "COPY metric_points (series_id, step, ts, value) FROM STDIN (FORMAT BINARY)"
        ) as copy,
    ):
        copy.write(old_form)


def _refresh(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Workers of TimescaleDB may be at it at the same time."""
    for tier in ("metric_points_1m", "metric_points_1h"):
        for _ in range(100):
            try:
                connection.execute("CALL refresh_metric_rollup(%s, metric_now())", [tier])
            except psycopg.errors.LockNotAvailable:
                time.sleep(0.1)
            else:
                break


def _ours(database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(
        database.url,
        autocommit=True,
        options="-c search_path=sweepworks,public -c timezone=UTC",
        prepare_threshold=None,
    )


def _rows(connection: psycopg.Connection[tuple[Any, ...]], statement: str) -> list[Any]:
    return connection.execute(statement).fetchall()  # pyright: ignore[reportArgumentType, reportCallIssue]  literals of tests


def test_a_database_of_a_newer_version_stays_as_it_is_and_that_is_said(database: Database) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("UPDATE schema_revisions SET version_num = '9999'")

    with pytest.raises(SchemaMismatch, match="of a newer version; install that version"):
        upgrade(database.url)

    assert schema_state(database.url) is SchemaState.AHEAD
