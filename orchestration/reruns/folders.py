"""Folders of reruns: one each, held while it runs, removed when nobody does any more."""

import contextlib
import os
import shutil
from collections.abc import Generator
from pathlib import Path

from compute.attempt_folder import AttemptFolder
from orchestration.home import Home
from orchestration.supervisor.file_lock import has_holders, hold_exclusive, try_exclusive
from storage.embedded.failures import filesystem_errors
from sweeps import ids
from sweeps.ids import RunId

_KEPT = "kept"


@contextlib.contextmanager
def rerun_folder(home: Home, run_id: RunId, *, keep: bool) -> Generator[Path, None, None]:
    """A folder for one rerun, removed at the end unless it is to be kept.

    What is left of reruns that were killed goes away first.

    Raises:
        DiskFull: No space.
        StorageUnavailable: The place cannot be written.
    """
    folder = home.reruns / run_id
    with filesystem_errors(home.reruns):
        home.reruns.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One at a time: what was just made must not look like what was left.
        gate = hold_exclusive(home.reruns / "lock")
        try:
            remove_left(home)
            folder.mkdir(mode=0o700)
            held = hold_exclusive(folder / "lock")
        finally:
            os.close(gate)
        if keep:
            (folder / _KEPT).touch()
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def left_reruns(home: Home) -> list[RunId]:
    """Reruns that have begun, and whose commands are gone, those that have ended included.

    Raises:
        StorageUnavailable: The place cannot be read.
    """
    left: list[RunId] = []
    with filesystem_errors(home.reruns):
        folders = list(home.reruns.iterdir()) if home.reruns.exists() else []
        for folder in folders:
            run_id = RunId(folder.name)
            if not ids.is_scratch_run(run_id) or not (folder / "lock").exists():
                continue
            attempt = AttemptFolder.of(home.runs, ids.attempt_id(run_id, 1))
            if attempt is not None and attempt.was_started and not has_holders(folder / "lock"):
                left.append(run_id)
    return left


def remove_left(home: Home) -> None:
    """Remove folders of reruns that nobody holds, and whose script has ended."""
    for folder in home.reruns.iterdir():
        if not ids.is_scratch_run(folder.name) or folder.is_symlink() or (folder / _KEPT).exists():
            continue
        attempt = AttemptFolder.of(home.runs, ids.attempt_id(RunId(folder.name), 1))
        if attempt is not None and attempt.is_locked():
            continue  # its command was killed, and it goes on
        held = try_exclusive(folder / "lock")
        if held is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)
