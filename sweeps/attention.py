"""From when on a script's silence counts: only while somebody could have heard it.

After an outage of the store, of all gateways, or of the controller itself, scripts that are well
need a moment to be heard again: their senders wait between tries, half a minute at most.
"""

import datetime as dt

_GAP = dt.timedelta(seconds=10)  #: between two looks, or signs of a gateway, that is an outage
_RECOVERY = dt.timedelta(seconds=30)  #: the longest pause of a sender that waits for a gateway


class Attention:
    """What a controller knows of its own deafness. Not kept: a new controller begins anew."""

    def __init__(self) -> None:
        self._last: dt.datetime | None = None
        self._counts_from: dt.datetime | None = None

    def look(
        self, now: dt.datetime, *, gateway_silence: dt.timedelta | None, adopts: bool
    ) -> dt.datetime:
        """When silence began to count, at the earliest.

        Args:
            gateway_silence: How long no gateway has been there; None: there never was one.
            adopts: Whether attempts are alive that another controller has started.
        """
        was_deaf = adopts if self._last is None else now - self._last > _GAP
        if gateway_silence is not None and gateway_silence > _GAP:
            was_deaf = True
        if was_deaf:
            self._counts_from = now + _RECOVERY
        elif self._counts_from is None:
            self._counts_from = now
        self._last = now
        return self._counts_from

    def lose(self) -> None:
        """A look has failed; who lives then is as good as adopted."""
        self._last = None
