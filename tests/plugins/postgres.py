"""A PostgreSQL for tests, and a migrated database of its own for every test that asks."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from psycopg import sql

from storage.embedded.postgres_server import PostgresServer
from storage.embedded.programs import find_programs

# Hundreds of small databases come and go: nothing has to be durable, dropping one looks through all
# of the buffers, and workers that read ahead of us take longer to wake than to read.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "io_method": "sync",
}
_MEMORY = Path("/dev/shm")  # copying a database takes 30 ms there, on a disk half a second
_ROOM = 4 * 2**30  # bytes; below that the disk it is
DSN = "SWEEPWORKS_TEST_DSN"  # a server to use instead, as a URL of a user who may create databases


@dataclass(frozen=True, slots=True)
class Database:
    """One database."""

    url: str


def _with_name(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _execute(url: str, statement: str, name: str, other: str = "") -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        names = [sql.Identifier(part) for part in (name, other) if part]
        connection.execute(sql.SQL(statement).format(*names))  # pyright: ignore[reportArgumentType]  literals above and below


def _close(server: str, name: str) -> None:
    """Nobody may be in a template that is copied, and TimescaleDB's workers come by themselves."""
    _execute(server, "ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )


def _unschedule_jobs(url: str) -> None:
    """TimescaleDB's workers would refresh and compress what a test is about to look at."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute(
            "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"
        ).fetchone():
            connection.execute(
                "SELECT alter_job(job_id, scheduled => false)"
                " FROM timescaledb_information.jobs WHERE job_id >= 1000"  # the others are its own
            )


def pytest_report_header() -> str:
    dsn = os.environ.get(DSN)
    if dsn:
        with psycopg.connect(dsn) as connection:
            return f"postgres: {connection.info.parameter_status('server_version')} ({DSN})"
    program = find_programs(None, copies=Path()).postgres
    return f"postgres: {subprocess.check_output([program, '--version'], text=True).strip()}"


def _has_room(folder: Path) -> bool:
    """Whether a file system in memory is there, and filling it would leave memory for the rest."""
    if not os.access(folder, os.W_OK):
        return False
    free = min(shutil.disk_usage(folder).free, psutil.virtual_memory().available // 2)
    return free > _ROOM


@contextlib.contextmanager
def reachable_folder() -> Generator[Path, None, None]:
    """A temporary folder that the unprivileged user of a server started by root can pass."""
    folder = Path(tempfile.mkdtemp(prefix="swt-", dir=_MEMORY if _has_room(_MEMORY) else None))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Generator[str, None, None]:
    """URL of a server's maintenance database; one server for each worker of xdist."""
    dsn = os.environ.get(DSN)
    if dsn:
        yield dsn
        return
    with reachable_folder() as folder:
        server = PostgresServer(
            folder / "postgres",
            log_file=folder / "postgres.log",
            root_folder=folder / "clusters",
            settings=_SETTINGS,
        )
        try:
            server.start()
            yield server.url("postgres")
        finally:
            server.destroy()


@pytest.fixture(scope="session")
def _template(postgres_server: str) -> Generator[str, None, None]:
    from storage.migrations_runner import upgrade

    name = f"template_{uuid.uuid4().hex[:12]}"
    _execute(postgres_server, "CREATE DATABASE {}", name)
    upgrade(_with_name(postgres_server, name))
    _unschedule_jobs(_with_name(postgres_server, name))
    _close(postgres_server, name)
    yield name
    _execute(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def empty_databases(postgres_server: str) -> Generator[tuple[Database, Database], None, None]:
    """Two fresh databases with nothing in them."""
    names = [f"test_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    for name in names:
        _execute(postgres_server, "CREATE DATABASE {}", name)
    ours, dagsters = (Database(_with_name(postgres_server, name)) for name in names)
    yield ours, dagsters
    for name in names:
        _execute(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def database(postgres_server: str, _template: str) -> Generator[Database, None, None]:
    """A fresh database with the current schema."""
    with _copied(postgres_server, _template) as database:
        yield database


@contextlib.contextmanager
def copy_of(server: str, database: Database) -> Generator[Database, None, None]:
    """A database with what is in another one, to which nobody connects from then on."""
    name = urlsplit(database.url).path.removeprefix("/")
    _close(server, name)
    with _copied(server, name) as copied:
        yield copied


@contextlib.contextmanager
def _copied(server: str, template: str) -> Generator[Database, None, None]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    # Without fsync, files are copied sooner than they are written through the log.
    strategy = "" if os.environ.get(DSN) else " STRATEGY file_copy"
    _execute(server, "CREATE DATABASE {} TEMPLATE {}" + strategy, name, template)
    yield Database(_with_name(server, name))
    _execute(server, "DROP DATABASE {} WITH (FORCE)", name)
