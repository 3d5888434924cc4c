"""Where things are: the home, the gateway's address, folders that a spool may be in."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from sweepworks import environment as env


def client() -> tuple[str | None, str | None]:
    """Address and token of a gateway: from the environment, else from the nearest home."""
    url, token = os.environ.get(env.GATEWAY_URL), os.environ.get(env.API_TOKEN)
    if url and token:
        return url, token
    found = _client_file()
    return (found.get("gateway_url"), found.get("token")) if found else (None, None)


def spool_folders() -> Iterator[Path]:
    """Where a spool may be, best first: the folder asked for, then temporary ones."""
    wanted = os.environ.get(env.SPOOL_DIR)
    home = _home()
    if wanted:
        yield Path(wanted)
    elif home is not None:
        yield home / "spool"
    with contextlib.suppress(OSError):  # also where there is no temporary folder
        # Anybody may make a folder of that name; what lies there is its owner's to read.
        shared = Path(tempfile.gettempdir()) / f"sweepworks-spool-{os.getuid()}"
        shared.mkdir(exist_ok=True, mode=0o700)
        if shared.stat().st_uid == os.getuid() and not shared.is_symlink():
            yield shared
    memory = Path("/dev/shm")  # noqa: S108 - where disks are full, memory is not
    for parent in (None, memory):
        with contextlib.suppress(OSError):
            yield Path(tempfile.mkdtemp(prefix="sweepworks-spool-", dir=parent))


def _client_file() -> dict[str, Any] | None:
    home = _home()
    if home is not None:
        with contextlib.suppress(OSError, ValueError):
            document = json.loads((home / "client.json").read_text(encoding="utf-8"))
            return cast("dict[str, Any]", document) if isinstance(document, dict) else None
    return None


def _home() -> Path | None:
    if given := os.environ.get(env.HOME):
        return Path(given)
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return None
    return next(
        (p / ".sweepworks" for p in (here, *here.parents) if (p / ".sweepworks").is_dir()), None
    )
