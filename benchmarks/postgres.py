"""A PostgreSQL for a benchmark."""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from storage.migrations_runner import upgrade

DSN = "SWEEPWORKS_TEST_DSN"  # a server to use instead, as a URL of a user who may create databases


@contextlib.contextmanager
def server() -> Generator[str, None, None]:
    """URL of a PostgreSQL: the one in the environment, or an embedded one with its usual settings."""
    dsn = os.environ.get(DSN)
    if dsn:
        yield dsn
        return
    from storage.embedded.postgres_server import PostgresServer

    folder = Path(tempfile.mkdtemp(prefix="sweepworks-bench-"))
    folder.chmod(0o711)  # as root, the server runs as somebody else
    postgres = PostgresServer(
        folder / "postgres",
        log_file=folder / "postgres.log",
        root_folder=folder / "clusters",
    )
    try:
        postgres.start()
        yield postgres.url("postgres")
    finally:
        postgres.destroy()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def fresh_database(server_url: str) -> Generator[str, None, None]:
    """URL of a fresh database with the current schema."""
    with empty_database(server_url) as url:
        upgrade(url)
        yield url


@contextlib.contextmanager
def empty_database(server_url: str) -> Generator[str, None, None]:
    """URL of a fresh database with nothing in it."""
    name = f"benchmark_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))
