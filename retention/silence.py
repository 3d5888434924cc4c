"""When a run that no controller looks after is given up: its script has been silent for too long.

Scripts outside sweeps say every minute that they live. The rule is here, as values and as a
function; `storage` applies the same rule to all runs with one statement, and a test holds the two
together.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

#: Between two signs of any gateway: longer, and none was there.
GAP = dt.timedelta(seconds=10)
#: What a script that is well may need to be heard after a gap: the minute between two signs of
#: life, and half a minute that its sender may wait between two tries.
RECOVERY = dt.timedelta(seconds=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deafness:
    """A time in which no gateway was there to hear anybody."""

    since: dt.datetime
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRule:
    """A run is lost after `after` of silence that somebody could have heard it break."""

    after: dt.timedelta = dt.timedelta(minutes=15)

    def is_lost(
        self, *, last_seen_at: dt.datetime, deaf: Sequence[Deafness], now: dt.datetime
    ) -> bool:
        """Whether the run's script is given up.

        Args:
            last_seen_at: Its last points, report or other sign of life.
            deaf: When no gateway was there, in any order.
        """
        silence = now - last_seen_at
        for gap in deaf:
            unheard = min(gap.until + RECOVERY, now) - max(gap.since, last_seen_at)
            silence -= max(unheard, dt.timedelta())
        return silence >= self.after
