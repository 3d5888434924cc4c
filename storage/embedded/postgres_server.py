"""A PostgreSQL of our own on a unix socket, with nothing to install.

It is created, started, adopted and stopped here; what is stored in it is not known here.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from storage.embedded.account import Account, identity, server_account
from storage.embedded.cluster import (
    SUPERUSER,
    Cluster,
    create_cluster,
    find_cluster,
    remove_cluster,
)
from storage.embedded.failures import filesystem_errors, no_space
from storage.embedded.postmaster import (
    Postmaster,
    find_postmaster,
    is_alive,
    remove_stale_lock,
)
from storage.embedded.programs import ENVIRONMENT, find_programs
from storage.embedded.sizes import machine_settings
from sweeps.errors import StorageUnavailable

ROOT_FOLDER = Path("/var/lib/sweepworks")

_POLL_SECONDS = 0.02
_LOG_LIMIT_BYTES = 8_000_000
_STOP_SECONDS = 30.0

#: For a laptop: durable, small, and no compilation of queries that take milliseconds.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "checkpoint_timeout": "15min",
    # Files instead of /dev/shm: a container's is 64 MB, and logind clears it when a user logs out.
    "dynamic_shared_memory_type": "mmap",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "cluster_name": "sweepworks",
}


class PostgresServer:
    """One server on one cluster.

    **Ownership**: whoever calls `start` when a server already runs on the cluster adopts it; the
    server outlives the process that started it until somebody calls `stop`.

    **Safety**: two processes must not call `start` for the same folder at once. The supervisor's
    lock sees to that.

    Args:
        folder: The cluster's folder in a home. As root it only points to one below `root_folder`,
            since PostgreSQL needs another user and the home is closed to that user.
        log_file: Where the server writes; its folder must exist.
        root_folder: Where root keeps clusters, readable for the unprivileged user.
        settings: Server settings beyond, or instead of, ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log_file: Path,
        root_folder: Path = ROOT_FOLDER,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder.absolute()
        self._log_file = log_file
        self._root_folder = root_folder
        self._settings = {**_SETTINGS, **machine_settings(folder.absolute()), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None  # None when adopted, too

    @property
    def is_created(self) -> bool:
        """Whether the cluster exists: the first start takes longer."""
        return find_cluster(self._folder) is not None

    @property
    def is_running(self) -> bool:
        """Whether a server works on the cluster now."""
        return self._find() is not None

    @property
    def pid(self) -> int | None:
        """Number of the server's process; None when it does not run."""
        running = self._find()
        return None if running is None else running.pid

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """Create the cluster if needed, then start or adopt the server, and wait for it.

        Raises:
            DiskFull: No space left.
            StorageUnavailable: Anything else that keeps it from running, in one sentence.
        """
        deadline = time.monotonic() + timeout_seconds
        cluster = find_cluster(self._folder)
        if cluster is not None:
            cluster.check()
        account = server_account((cluster or Cluster(self._folder)).data)
        if account is not None:
            self._make_root_folder()
        if cluster is None:
            programs = find_programs(account, copies=self._root_folder)
            cluster = create_cluster(
                self._folder,
                account=account,
                programs=programs,
                root_folder=self._root_folder,
            )
        while time.monotonic() < deadline:
            running = self._find()
            if running is not None and running.is_ready:
                return
            if running is None and self._launch(cluster, account, deadline):
                return
            time.sleep(_POLL_SECONDS)
        raise StorageUnavailable(
            f"PostgreSQL did not get ready within {timeout_seconds:.0f} s; see {self._log_file}"
        )

    def stop(self, *, fast: bool = True) -> None:
        """End the server and wait for it; nothing happens when it does not run.

        Args:
            fast: Cut open connections (their transactions roll back) instead of waiting for them.
        """
        running = self._find()
        if running is not None:
            for sign, seconds in (
                (signal.SIGINT if fast else signal.SIGTERM, _STOP_SECONDS),
                (signal.SIGQUIT, 5.0),  # leaves at once and recovers at the next start
                (signal.SIGKILL, 5.0),
            ):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running.pid, sign)
                if self._wait_for_end(running.pid, seconds):
                    break
        if self._process is not None and self._process.poll() is not None:
            self._process = None

    def url(self, database: str) -> str:
        """Where `database` is reached, with the password: never log it, never pass it in argv.

        Raises:
            StorageUnavailable: The server does not run.
        """
        cluster, running = find_cluster(self._folder), self._find()
        if cluster is None or running is None:
            raise StorageUnavailable(f"PostgreSQL does not run; see {self._log_file}")
        host = quote(str(running.socket_folder), safe="")
        return f"postgresql://{SUPERUSER}:{cluster.password()}@/{database}?host={host}"

    def ensure_database(self, name: str) -> None:
        """Create the database `name` unless it exists.

        Raises:
            StorageUnavailable: The server does not answer.
        """
        from psycopg import sql
        from psycopg.errors import DuplicateDatabase

        from storage.database import connect

        with connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                with contextlib.suppress(DuplicateDatabase):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def destroy(self) -> None:
        """Stop the server and delete its data for good."""
        self.stop()
        remove_cluster(self._folder)

    def _find(self) -> Postmaster | None:
        if self._process is not None:
            self._process.poll()  # reaps it; an ended child would look alive otherwise
        cluster = find_cluster(self._folder)
        return None if cluster is None else find_postmaster(cluster.data)

    def _make_root_folder(self) -> None:
        with filesystem_errors(self._root_folder):
            if not self._root_folder.exists():
                self._root_folder.mkdir(mode=0o711, parents=True)
                self._root_folder.chmod(0o711)

    def _launch(self, cluster: Cluster, account: Account | None, deadline: float) -> bool:
        """Start a server; False when it is worth another try."""
        programs = find_programs(account, copies=self._root_folder)
        socket_folder = cluster.socket_folder(account)
        remove_stale_lock(cluster.data, socket_folder)
        quoted = str(socket_folder).replace('"', '""')
        settings = {**self._settings, "unix_socket_directories": f'"{quoted}"'}
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with filesystem_errors(self._log_file):
            if self._log_file.exists() and self._log_file.stat().st_size > _LOG_LIMIT_BYTES:
                self._log_file.rename(self._log_file.with_suffix(".log.1"))
            log = self._log_file.open("ab")
        with log, filesystem_errors(programs.postgres):
            begin = log.tell()
            self._process = subprocess.Popen(
                [programs.postgres, "-D", cluster.data, *arguments],
                env=ENVIRONMENT,
                cwd=cluster.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at a terminal must not reach it
                **identity(account),
            )
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return self._judge_end(begin, cluster)
            running = find_postmaster(cluster.data)
            if running is not None and running.is_ready:
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _judge_end(self, begin: int, cluster: Cluster) -> bool:
        """False when the server that just ended may be started again; raises otherwise."""
        with self._log_file.open("rb") as log:
            log.seek(begin)
            text = log.read().decode("utf-8", errors="replace")
        if "No space left" in text or "Disk quota" in text:
            raise no_space(cluster.data)
        if "shared memory block" in text and "still in use" in text:
            return False  # sessions of a killed server are about to notice
        lines = [line for line in text.splitlines() if "FATAL" in line or "PANIC" in line]
        reason = lines[0].partition("FATAL:")[2].strip() or lines[0] if lines else "it was killed"
        raise StorageUnavailable(
            f"PostgreSQL does not start on {cluster.data}: {reason}; see {self._log_file}"
        )

    def _wait_for_end(self, pid: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is not None:
                self._process.poll()
            if not is_alive(pid):
                return True
            time.sleep(_POLL_SECONDS)
        return False
