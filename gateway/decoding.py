"""From the bytes of a request to a delivery that the store can take."""

import numpy as np
from sweepworks.wire import Flush, decode_flush, decode_json_flush

from governance.access import ForeignRun, RunGrant
from storage.deliveries import Delivery
from sweeps.errors import InvalidFlush
from sweeps.ids import is_name

# Years 1 to 9999: what can be read back. A clock may be decades off, and its points are kept.
_FIRST_US = -62_135_596_800_000_000
_LAST_US = 253_402_300_799_999_999


def decode_delivery(body: bytes, *, is_json: bool, grant: RunGrant) -> Delivery:
    """The flush in `body`, checked against the token that came with it.

    Raises:
        InvalidFlush: It is malformed.
        ForeignRun: The token opens another run.
    """
    try:
        flush = decode_json_flush(body) if is_json else decode_flush(body)
    except (ValueError, TypeError, OverflowError) as exc:
        # WireError is a ValueError. The others come from JSON that has the wrong shape in places
        # where the decoder does not look: the sender is to blame for those, too.
        raise InvalidFlush(str(exc) or "the flush cannot be read") from exc
    if flush.run != grant.run_id:
        raise ForeignRun(flush.run[:80])
    if flush.attempt is not None and not is_name(flush.attempt):
        raise InvalidFlush(f"{flush.attempt[:80]!r} is not the name of an attempt")
    if grant.attempt_id is not None and flush.attempt not in {None, grant.attempt_id}:
        raise InvalidFlush(f"the token is that of attempt {grant.attempt_id!r}")
    _check_times(flush)
    return Delivery(tenant_id=grant.tenant_id, flush=flush)


def _check_times(flush: Flush) -> None:
    times = np.frombuffer(flush.times, dtype="<i8")
    if len(times) and not (times.min() >= _FIRST_US and times.max() <= _LAST_US):
        raise InvalidFlush("a point's time is not within the years 1 to 9999")
    if not all(_FIRST_US <= report.time_us <= _LAST_US for report in flush.reports):
        raise InvalidFlush("a report's time is not within the years 1 to 9999")
