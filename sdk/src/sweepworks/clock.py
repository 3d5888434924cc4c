"""The present, as the record has it."""

import datetime as dt
import time


def now() -> str:
    """In ISO 8601, UTC."""
    return dt.datetime.now(dt.UTC).isoformat()


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000
