"""Flushes on their way into the database, and what became of them."""

from dataclasses import dataclass

from sweepworks.wire import Flush

from sweeps.ids import TenantId
from sweeps.states import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A flush and whose it is, by its token."""

    tenant_id: TenantId
    flush: Flush

    @property
    def writer(self) -> tuple[str, str]:
        """Who sends; a batch holds at most one flush of each."""
        return self.flush.run, self.flush.writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A part of a flush that was not stored, while the rest was."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a flush."""

    control: Decision  #: what the script is told
    is_new: bool  #: False: stored before, and not a second time
    refused: tuple[Refusal, ...] = ()
