"""What a process of the platform is connected with."""

import contextlib
import functools
import time
from typing import TYPE_CHECKING

from orchestration.home_status import status
from orchestration.named_databases import prove_named
from orchestration.services import Services
from sweeps.errors import StorageUnavailable

if TYPE_CHECKING:
    from storage.database import Pool

_RESTART_SECONDS = 15.0  # for a database of a home that recovers from a crash
_LOOK_SECONDS = 0.2


class Connected:
    """Services, settings, and one pool of connections to our database."""

    def __init__(self, found: Services, stack: contextlib.ExitStack) -> None:
        self.services = found
        self.settings = found.settings
        self._stack = stack

    @functools.cached_property
    def pool(self) -> "Pool":
        """Connections to our database."""
        from storage.database import open_pool
        from storage.schema_state import prepare_schema

        url = self.services.database_url
        if not self.settings.is_supervised:  # else the supervisor has done it
            prove_named("SWEEPWORKS_DATABASE_URL", url)
            prepare_schema(url)
        give_up_at = time.monotonic() + _RESTART_SECONDS
        while True:
            try:
                return self._stack.enter_context(open_pool(url))
            except StorageUnavailable:
                # The supervisor starts a database that has died again within a second or two.
                is_lost = not self.settings.is_supervised or self.is_down
                if is_lost or time.monotonic() >= give_up_at:
                    raise
            time.sleep(_LOOK_SECONDS)

    @property
    def is_down(self) -> bool:
        """Whether a person has stopped the embedded services."""
        return status(self.settings).is_down
