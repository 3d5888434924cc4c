"""Who may start now, and what everybody else waits for: one pure function over the whole queue."""

from governance.scheduling.queue import (
    Demand,
    Live,
    Schedule,
    Usage,
    Wait,
    Waiting,
    WaitKind,
)
from governance.scheduling.schedule import schedule

__all__ = [
    "Demand",
    "Live",
    "Schedule",
    "Usage",
    "Wait",
    "WaitKind",
    "Waiting",
    "schedule",
]
