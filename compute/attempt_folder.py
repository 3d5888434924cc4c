"""The folder of one attempt: what is in it, and what that says about the attempt.

::

    <root>/<run>/<attempt>/
        lock          held by the shim for its life, which leaves its signs of life on it
        attempt.json  what is executed, with what; no secrets
        work/         working directory of the script
        stdout.log    output of the script, as it comes
        stderr.log
        metrics.json  how far the metrics in it have been read, where a reader is asked for
        reader.log    what that reader had to say
        shim.json     the shim has begun: the attempt counts as executed
        stop.json     reason for which it was asked to end
        exit.json     how it ended
"""

import contextlib
import datetime as dt
import fcntl
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute.records import read_json, write_json, write_json_once_reserved
from sweeps import ids
from sweeps.errors import LauncherUnavailable
from sweeps.ids import AttemptId, SweepId
from sweeps.states import ExitReason
from sweeps.trials import Exit

_CLAIM_SECONDS = 10.0  # for whoever is launching the same attempt now


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """One attempt as the disk knows it."""

    path: Path

    @classmethod
    def of(cls, root: Path, attempt_id: AttemptId) -> "AttemptFolder | None":
        """The attempt's folder below `root`; None when that is no attempt's name.

        Names are checked here, before they become paths.
        """
        if not ids.is_name(attempt_id):
            return None
        try:
            return cls(root / ids.run_of(attempt_id) / attempt_id)
        except ValueError:
            return None

    @classmethod
    def of_sweep(cls, root: Path, sweep_id: SweepId) -> "Iterator[AttemptFolder]":
        """Folders of the sweep's attempts, and of no other sweep whose name begins alike."""
        is_run = re.compile(re.escape(sweep_id) + "-[0-9]{5,}").fullmatch
        if not root.exists():
            return
        with os.scandir(root) as runs:
            for run in runs:
                if is_run(run.name) and run.is_dir(follow_symlinks=False):
                    yield from (cls(Path(path)) for path in os.scandir(run.path))

    def prepare(self) -> None:
        """Create it, for its owner alone."""
        self.path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)

    def furnish(self, description: dict[str, Any]) -> None:
        """Put in place what the shim needs, so that a full disk is noticed before it starts."""
        (self.path / "work").mkdir(mode=0o700, exist_ok=True)
        for name in ("stdout.log", "stderr.log"):
            (self.path / name).touch(mode=0o600)
        write_json(self.path / "attempt.json", description)

    @property
    def was_started(self) -> bool:
        """Whether a shim has begun, now or ever."""
        return (self.path / "shim.json").exists() or (self.path / "exit.json").exists()

    def claim(self) -> int | None:
        """Take the lock; its descriptor, or None when the attempt was started by somebody else.

        Raises:
            LauncherUnavailable: Somebody has the lock and does not start the attempt.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _CLAIM_SECONDS
        while not self.was_started:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise LauncherUnavailable(
                        f"{self.path.name} is being launched by somebody who does not get on with it"
                    ) from None
                time.sleep(0.01)  # or it is someone who only looks, for an instant
            else:
                if not self.was_started:
                    return descriptor
        os.close(descriptor)
        return None

    def is_locked(self) -> bool:
        """Whether a shim is alive, or about to be."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def shim(self) -> dict[str, Any] | None:
        """The shim's own record.

        `pid` and `start` are those of a `ProcessMark`, `started_at` seconds since 1970, and
        `process_group` is there once there is one.
        """
        path = self.path / "shim.json"
        record = read_json(path)
        if record is None and path.exists():  # a power cut may leave a file without its content
            return {"pid": 0, "started_at": path.stat().st_mtime}
        return record

    def gpus(self) -> tuple[str, ...]:
        """Devices it was given."""
        described = read_json(self.path / "attempt.json") or {}
        return tuple(described.get("gpus", ()))

    def gpu_model(self) -> str:
        """What those devices are; empty when nobody could tell."""
        return str((read_json(self.path / "attempt.json") or {}).get("gpu_model") or "")

    def read_exit(self) -> tuple[Exit, dt.datetime, dt.datetime] | None:
        """How it ended, when it began and when it ended; None while it has not."""
        record = read_json(self.path / "exit.json")
        if record is None:
            return None
        ended = Exit(
            reason=ExitReason(record["reason"]),
            code=record["code"],
            signal=record["signal"],
            message=record["message"],
        )
        return ended, instant(record["started_at"]), instant(record["ended_at"])

    def write_lost(self, *, at: dt.datetime) -> None:
        """Write the record that a killed shim could not write.

        Who had asked it to end got that, whatever became of the shim.
        """
        stop = read_json(self.path / "stop.json")
        began = self.shim()
        write_json(
            self.path / "exit.json",
            {
                "reason": str(ExitReason.LOST) if stop is None else stop["reason"],
                "code": None,
                "signal": None,
                "message": "its shim was killed",
                "started_at": began["started_at"] if began else at.timestamp(),
                "ended_at": at.timestamp(),
            },
            is_durable=True,
        )
        for reserved in (".exit.reserved", ".stop.reserved"):
            (self.path / reserved).unlink(missing_ok=True)

    def ask_to_stop(self, reason: ExitReason) -> None:
        """Leave the wish for the shim to find; the first one stays.

        A shim that starts later finds it before it has executed anything.
        """
        if not (self.path / "stop.json").exists():
            write_json_once_reserved(
                self.path / "stop.json",
                {"reason": str(reason)},
                reserved=self.path / ".stop.reserved",
            )

    def last_sign_at(self) -> dt.datetime | None:
        """When it was alive for certain, last; None: nothing was ever started.

        By its shim's signs of life, and by its script's output.
        """
        shim = self.shim()
        if shim is None:
            return None
        signs = [instant(shim["started_at"])]
        with contextlib.suppress(FileNotFoundError):
            signs.append(instant((self.path / "lock").stat().st_mtime))
        output = self.last_output_at()
        return max(signs if output is None else [*signs, output])

    def last_output_at(self) -> dt.datetime | None:
        """When the script last printed something: the kernel keeps the time of each write."""
        times: list[float] = []
        for name in ("stdout.log", "stderr.log"):
            with contextlib.suppress(FileNotFoundError):
                log = (self.path / name).stat()
                times += [log.st_mtime] if log.st_size else []
        return instant(max(times)) if times else None


def instant(seconds: float) -> dt.datetime:
    """Seconds since 1970 as an aware UTC instant."""
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
