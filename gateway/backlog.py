"""How much may be in memory at once: the bound behind every 429."""

from collections import Counter

from gateway.errors import Overloaded
from governance.access import RunGrant

DEFAULT_LIMIT_BYTES = 128 * 2**20  # eight flushes of the largest size, or a million usual ones
_TENANT_SHARE = 3 / 4
_RUN_SHARE = 1 / 4


class Backlog:
    """Bytes of bodies that are being read, waiting or being stored.

    A run may hold a quarter of all there is, a tenant three quarters: whatever these send, there is
    room for others.
    """

    def __init__(self, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0
        self._by_tenant = Counter[str]()
        self._by_run = Counter[str]()

    def hold(self, n_bytes: int, grant: RunGrant) -> None:
        """Make room for what has come of a run.

        Raises:
            Overloaded: There is none.
        """
        tenant, run = grant.tenant_id, grant.run_id
        for whose, held, share in (
            (f"run {run!r}", self._by_run[run], _RUN_SHARE),
            (f"tenant {tenant!r}", self._by_tenant[tenant], _TENANT_SHARE),
            ("all runs", self.held_bytes, 1.0),
        ):
            if held + n_bytes > self._limit_bytes * share:
                raise Overloaded(
                    f"{held} bytes of {whose} wait to be stored, there is no room for {n_bytes} more"
                )
        self.held_bytes += n_bytes
        self._by_tenant[tenant] += n_bytes
        self._by_run[run] += n_bytes

    def release(self, n_bytes: int, grant: RunGrant) -> None:
        """Give room back."""
        self.held_bytes -= n_bytes
        for held, name in ((self._by_tenant, grant.tenant_id), (self._by_run, grant.run_id)):
            held[name] -= n_bytes
            if not held[name]:  # runs come and go
                del held[name]
