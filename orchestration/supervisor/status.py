"""What the supervisor tells the world: one small file, replaced in one step, without passwords."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from compute.process_mark import ProcessMark
from orchestration.private_files import write_private

#: Answers of a supervisor to whoever started it; the last two are followed by a sentence.
STARTED, BUSY, DOWN = "started", "busy", "down"
DISK_FULL, REFUSED = "disk full", "refused"


class SupervisorState(StrEnum):
    """Where a supervisor is in its life."""

    STARTING = "starting"  #: becomes ready or failed
    READY = "ready"  #: PostgreSQL and the gateway answer
    STOPPING = "stopping"  #: somebody said `down`, or nobody needs it; wait and start another
    FAILED = "failed"  #: it gave up, for the reason given


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStatus:
    """A service that the supervisor keeps running."""

    mark: ProcessMark | None  #: None between two attempts
    is_ready: bool
    failures: int  #: ends without being asked since it was last ready
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStatus:
    """One moment of a supervisor's life."""

    mark: ProcessMark
    state: SupervisorState
    changed_at: float  #: when it entered this state, seconds since 1970
    phase: str  #: what it is doing, for people
    reason: str | None = None  #: why it failed, one sentence
    is_disk_full: bool = False  #: whether that is why
    gateway_url: str | None = None
    webserver_url: str | None = None  #: None while the UI is not up
    children: dict[str, ChildStatus] = field(default_factory=dict)

    def is_moment_of(self, other: "SupervisorStatus | None") -> bool:
        """Whether it is the same supervisor, in a state that it has not left since."""
        if other is None:
            return False
        return (self.mark, self.state, self.changed_at) == (
            other.mark,
            other.state,
            other.changed_at,
        )

    def write(self, path: Path) -> None:
        """Replace the file."""
        write_private(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What was last written; None when that is nothing, or nothing we understand."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            children = {
                name: ChildStatus(
                    mark=None if child["mark"] is None else _mark(child["mark"]),
                    is_ready=child["is_ready"],
                    failures=child["failures"],
                    log=child["log"],
                )
                for name, child in raw["children"].items()
            }
            return cls(
                mark=_mark(raw["mark"]),
                state=SupervisorState(raw["state"]),
                changed_at=raw["changed_at"],
                phase=raw["phase"],
                reason=raw["reason"],
                is_disk_full=raw["is_disk_full"],
                gateway_url=raw["gateway_url"],
                webserver_url=raw["webserver_url"],
                children=children,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _mark(raw: dict[str, Any]) -> ProcessMark:
    """A mark; those of a supervisor of an earlier version have the time alone."""
    return ProcessMark(pid=raw["pid"], start=str(raw.get("start", raw.get("started_at"))))
