"""When a GPU that somebody holds does nothing. Pure.

Only what was measured is claimed: a minute without a sample is no idle minute, and ends a stretch
of them.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

#: A minute counts as idle when utilisation, in percent, was never above this.
IDLE_PERCENT = 5.0
#: Shorter pauses are part of working: loading data, evaluating, writing a checkpoint.
LEAST_IDLE = dt.timedelta(minutes=10)
#: Two samples this far apart belong together; the SDK takes one every 15 seconds.
_GAP = dt.timedelta(minutes=2)
_MINUTE = dt.timedelta(minutes=1)
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleSpan:
    """A stretch of time in which GPUs did nothing, one of them all the time unless it says otherwise.

    Args:
        microseconds: Of GPUs, all together, where it is known how much of the stretch that was and
            not when; None: one of them, from `start` to `end`.
    """

    start: dt.datetime
    end: dt.datetime
    microseconds: int | None = None

    @property
    def total(self) -> int:
        """Microseconds of GPUs."""
        return self._lasts if self.microseconds is None else self.microseconds

    def within(self, start: dt.datetime, end: dt.datetime) -> int:
        """Microseconds of it that are in another stretch. Of pieces that make it up they sum up to `total`."""
        low, high = max(self.start, start), min(self.end, end)
        return self._until(high) - self._until(low) if low < high else 0

    def _until(self, moment: dt.datetime) -> int:
        return self.total * ((moment - self.start) // _MICROSECOND) // self._lasts

    @property
    def _lasts(self) -> int:
        return (self.end - self.start) // _MICROSECOND


def idle_spans(minutes: Iterable[dt.datetime]) -> list[IdleSpan]:
    """Stretches of at least `LEAST_IDLE` that idle minutes of one GPU make.

    Args:
        minutes: Beginnings of minutes in which it was measured and idle, in order.
    """
    spans: list[IdleSpan] = []
    start = end = None
    for minute in minutes:
        if start is None or end is None or minute - end >= _GAP:
            if start is not None and end is not None and end - start >= LEAST_IDLE:
                spans.append(IdleSpan(start=start, end=end))
            start = minute
        end = minute + _MINUTE
    if start is not None and end is not None and end - start >= LEAST_IDLE:
        spans.append(IdleSpan(start=start, end=end))
    return spans
