"""When a run is sealed: from then on its params, artifacts and points cannot change.

The rule is here, as values and as a function. `storage` applies the same rule to all runs with one
statement, and a property test holds the two together.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

#: What a writer may need to bring its last flush after its run has ended: a process that is being
#: killed has a few seconds, a gateway that restarts half a minute. Sealing later costs nothing.
GRACE = dt.timedelta(seconds=60)
#: For how long a run that was given up for its silence may be heard of: a machine without network
#: over a weekend, a spool folder that somebody finds.
LOST_GRACE = dt.timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingRule:
    """A run is sealed once all its writers said that they are done, or `grace` after its end.

    For one that was given up for its silence, which is no word of its script, it is `lost_grace`.
    """

    grace: dt.timedelta = GRACE
    lost_grace: dt.timedelta = LOST_GRACE

    def is_due(
        self,
        *,
        ended_at: dt.datetime | None,
        finished_ats: Sequence[dt.datetime | None],
        now: dt.datetime,
        is_lost: bool = False,
    ) -> bool:
        """Whether nothing more is to be waited for.

        Args:
            ended_at: When the run ended; None while it is live.
            finished_ats: When the last flush of each of its writers arrived, over all attempts;
                None for a writer that has not said so.
            is_lost: Whether it was given up for its silence.
        """
        if ended_at is None:
            return False
        # A run of which no writer is known proves nothing: its first flush may be on its way.
        all_done = len(finished_ats) > 0 and None not in finished_ats
        return all_done or now - ended_at >= (self.lost_grace if is_lost else self.grace)
