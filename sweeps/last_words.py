"""What attempts reported, could not send before they exited, and have sent for them."""

import datetime as dt
from collections.abc import Collection

from sweeps.ids import AttemptId

#: Longer than most outages; a sweep must not wait for a gateway that never comes back.
PATIENCE = dt.timedelta(minutes=15)


class LastWords:
    """For how long a controller has waited for them.

    Not kept: during a night without a controller nobody sent anything, so the time begins with the
    first look.
    """

    def __init__(self) -> None:
        self._since: dict[AttemptId, dt.datetime] = {}

    def awaited(self, unsent: Collection[AttemptId], *, now: dt.datetime) -> Collection[AttemptId]:
        """Those of the attempts with something unsent that are not to be concluded yet."""
        self._since = {attempt_id: self._since.get(attempt_id, now) for attempt_id in unsent}
        return {a for a, since in self._since.items() if now - since < PATIENCE}
