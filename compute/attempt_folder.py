"""The folder of one attempt: what is in it, and what that says about the attempt."""

import datetime as dt
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from compute.shim import read_json, write_json
from sweeps import ids
from sweeps.errors import LaunchRejected
from sweeps.ids import AttemptId
from sweeps.states import ExitReason
from sweeps.trials import Exit


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """``<root>/<run>/<attempt>/``: work/, stdout.log, stderr.log, shim.json, stop.json, exit.json."""

    path: Path

    @classmethod
    def of(cls, root: Path, attempt_id: AttemptId) -> "AttemptFolder":
        """The attempt's folder below `root`; names are checked before they become paths."""
        if not ids.is_name(attempt_id):
            raise LaunchRejected(f"{attempt_id!r} is not the name of an attempt")
        return cls(root / ids.run_of(attempt_id) / attempt_id)

    def prepare(self) -> None:
        """Create it, for its owner alone."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)

    @property
    def was_started(self) -> bool:
        """Whether a shim has begun, now or ever."""
        return (self.path / "shim.json").exists() or (self.path / "exit.json").exists()

    def is_locked(self) -> bool:
        """Whether a shim is alive."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def started_at(self) -> dt.datetime | None:
        """When the shim began."""
        shim = read_json(self.path / "shim.json")
        return None if shim is None else instant(shim["started_at"])

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

    def write_lost(self) -> None:
        """Write down that the shim was killed before it could write its own record."""
        began = self.started_at()
        now = dt.datetime.now(dt.UTC).timestamp()
        write_json(
            self.path / "exit.json",
            {
                "reason": str(ExitReason.LOST),
                "code": None,
                "signal": None,
                "message": "",
                "started_at": now if began is None else began.timestamp(),
                "ended_at": now,
            },
        )

    def ask_to_stop(self, reason: ExitReason) -> None:
        """Leave the wish for the shim to find; the first one stays."""
        path = self.path / "stop.json"
        if not path.exists():
            write_json(path, {"reason": str(reason)})

    def last_output_at(self) -> dt.datetime | None:
        """When the script last printed something."""
        times = [
            (self.path / name).stat().st_mtime
            for name in ("stdout.log", "stderr.log")
            if (self.path / name).exists()
        ]
        return instant(max(times)) if times else None


def instant(seconds: float) -> dt.datetime:
    """Seconds since 1970 as an aware UTC instant."""
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
