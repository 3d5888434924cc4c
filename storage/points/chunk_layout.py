"""Which chunks of metric points are there, and which some points would still need."""

from dataclasses import dataclass

import numpy as np

from storage.points.points import Int64s

_DAY = 864_000  # what a chunk of the past covers, in tenths of a second


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkLayout:
    """The chunks that there were when it was read. Times are tenths of a second since 1970.

    Attributes:
        hot_since: From then on chunks are narrow; before, they are what is free of a day.
        days_since: Up to then chunks of a day are made ahead.
        until: Likewise narrow ones.
        is_hypertable: Whether points beyond these two get chunks all the same, narrow ones.
        lows: Where chunks begin, sorted; shape `(n,)`.
        highs: Where they end.
    """

    hot_since: int
    days_since: int
    until: int
    is_hypertable: bool
    lows: Int64s
    highs: Int64s

    def missing(self, times: Int64s) -> Int64s:
        """Of these times, one for each chunk that is not there yet; shape `(m,)`, m at most n."""
        before = np.searchsorted(self.lows, times, side="right") - 1
        is_there = np.zeros(len(times), dtype=np.bool_)
        if len(self.highs):
            is_there = (before >= 0) & (times < self.highs[before])
        is_made = (times >= self.days_since) & (times <= self.until)
        wanted = ~is_there if self.is_hypertable else ~is_there & is_made
        times, before, is_made = times[wanted], before[wanted], is_made[wanted]
        is_cold = is_made & (times < self.hot_since)
        # A day that has chunks already is filled up between them: a chunk for each hole.
        holes = np.stack([np.where(is_cold, times // _DAY * _DAY, times), before])
        _, firsts = np.unique(holes, axis=1, return_index=True)
        return times[np.sort(firsts)]
