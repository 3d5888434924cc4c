import os
import stat
import traceback
import warnings
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import psycopg
import pytest

import storage.errors  # noqa: F401  before a test gives up the right to read the interpreter's files
from storage.embedded import programs
from storage.embedded.account import server_account
from storage.embedded.cluster import find_cluster
from storage.embedded.postgres_server import PostgresServer
from sweeps.errors import StorageUnavailable

NOBODY = 65534


@pytest.fixture
def server(folder: Path) -> Generator[PostgresServer, None, None]:
    found = _server(folder)
    yield found
    found.destroy()


def _server(folder: Path) -> PostgresServer:
    return PostgresServer(
        folder / "postgres", log_file=folder / "postgres.log", root_folder=folder / "clusters"
    )


def _as_ordinary_user(task: Callable[[], None]) -> None:
    """Runs `task` as nobody when we are root, in a fork: that user need not reach our Python."""
    if os.geteuid() != 0:
        task()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the test runner has threads
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            task()
            status = 0
        finally:
            if status:
                traceback.print_exc()
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_an_ordinary_user_keeps_everything_in_the_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs._copy_package(programs._package_folder(), folder / "programs")
    monkeypatch.setattr(
        programs, "_package_folder", lambda: folder / "programs" / programs._PACKAGE
    )
    home = folder / "mine"
    home.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)

    def start_and_stop() -> None:
        mine = PostgresServer(home / "postgres", log_file=home / "log", root_folder=folder / "no")
        mine.start()
        mine.ensure_database("sweepworks")
        with psycopg.connect(mine.url("sweepworks")):
            pass
        mine.stop()

    _as_ordinary_user(start_and_stop)

    assert (home / "postgres" / "data" / "PG_VERSION").exists()
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
    assert not (folder / "no").exists()


def test_nobody_else_can_reach_data_password_or_socket(
    folder: Path, server: PostgresServer
) -> None:
    server.start()

    cluster = find_cluster(folder / "postgres")
    assert cluster is not None
    for path, mode in (
        (cluster.data, 0o700),
        (cluster.folder / "run", 0o700),
        (cluster.password_file, 0o600),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert cluster.password_file.stat().st_uid == os.geteuid()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o711  # as it was
    with psycopg.connect(server.url("postgres")) as connection:
        row = connection.execute("SHOW listen_addresses").fetchone()
        assert row == ("",)


def test_programs_in_a_closed_folder_are_copied_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = server_account(folder / "none")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / programs._PACKAGE).symlink_to(programs._package_folder())
    (closed / f"{programs._PACKAGE}.libs").symlink_to(
        programs._package_folder().with_name(f"{programs._PACKAGE}.libs")
    )
    monkeypatch.setattr(programs, "_package_folder", lambda: closed / programs._PACKAGE)
    copies = folder / "copies"
    copies.mkdir(mode=0o711)

    found = programs.find_programs(account, copies=copies)

    assert found.run_by(account)
    expected = closed if account is None else copies  # an ordinary user reaches its own folders
    assert found.folder.is_relative_to(expected)
    assert programs.find_programs(account, copies=copies) == found


def test_another_object_adopts_a_server_that_runs(folder: Path, server: PostgresServer) -> None:
    server.start()
    other = _server(folder)

    other.start()

    assert other.pid == server.pid
    other.stop()
    assert not server.is_running


def test_a_server_is_known_by_its_arguments_where_its_folder_is_not_to_be_seen(
    folder: Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root in a container may not look into another user's process."""

    def denied(process: psutil.Process) -> str:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "cwd", denied)

    server.start()
    assert server.is_running
    server.stop()
    assert not server.is_running


def test_a_lock_that_names_another_living_process_is_stale(
    folder: Path, server: PostgresServer
) -> None:
    server.start()
    server.stop()
    cluster = find_cluster(folder / "postgres")
    assert cluster is not None
    lock = cluster.data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{cluster.data}\n1700000000\n5432\n/tmp\n\n  1 2\nready   \n")
    if (account := server_account(cluster.data)) is not None:
        account.take(lock)
    assert not server.is_running

    server.start()

    assert server.is_running


def test_a_leftover_of_a_creation_that_was_killed_is_removed(
    folder: Path, server: PostgresServer
) -> None:
    server.start()
    server.destroy()
    parent = folder / "clusters" if os.geteuid() == 0 else folder
    before = {path.name for path in parent.iterdir()}
    from storage.embedded.cluster import digest

    (parent / f".{digest(folder / 'postgres')}-new-half").mkdir()

    server.start()

    assert len({path.name for path in parent.iterdir()} - before) <= 1


def test_a_folder_that_is_no_database_is_left_alone(folder: Path, server: PostgresServer) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "thesis.tex").write_text("")

    with pytest.raises(StorageUnavailable, match="PG_VERSION is missing"):
        server.start()

    assert (folder / "postgres" / "thesis.tex").exists()
    (folder / "postgres" / "thesis.tex").unlink()


def test_a_version_we_do_not_have_is_named(folder: Path, server: PostgresServer) -> None:
    server.start()
    server.stop()
    cluster = find_cluster(folder / "postgres")
    assert cluster is not None
    (cluster.data / "PG_VERSION").write_text("17\n")

    with pytest.raises(StorageUnavailable, match="belongs to PostgreSQL 17"):
        server.start()


def test_a_damaged_setting_is_quoted_from_the_log(folder: Path) -> None:
    server = PostgresServer(
        folder / "postgres",
        log_file=folder / "postgres.log",
        root_folder=folder / "clusters",
        settings={"shared_buffers": "nonsense"},
    )
    with pytest.raises(StorageUnavailable) as caught:
        server.start()

    assert "shared_buffers" in str(caught.value)
    assert str(folder / "postgres.log") in str(caught.value)
    server.destroy()
