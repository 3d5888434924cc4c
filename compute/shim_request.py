"""What a launcher asks of a shim. Standard library only."""

from typing import TypedDict


class ShimRequest(TypedDict):
    """The document on a shim's stdin."""

    folder: str  #: of the attempt, absolute
    lock: int  #: descriptor of the folder's lock, held
    leases: list[int]  #: descriptors of the locks of its GPUs, held
    hold_file: str | None  #: to be locked, shared, while the attempt lives
    live_marker: str  #: to be removed at the end
    command: list[str]
    working_folder: str  #: absolute, or `work` in `folder` when it is empty
    refusal: str  #: why the command cannot be started; empty when it can
    environment: dict[str, str]  #: secrets included
    timeout_seconds: float | None
    grace_seconds: float  #: from SIGTERM to SIGKILL
    reader: list[str]  #: command of what reads the script's metrics; empty: nothing does
