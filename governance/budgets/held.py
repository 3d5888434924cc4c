"""What an attempt holds, and what that costs: per hour, and for some time. Pure.

By the same rule as the ledger, so that what is told before the ledger has a day is what it will say.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from governance.budgets.budget import Amount
from governance.cost.entries import Outcome
from governance.cost.ledger import Holding, exact_amount
from governance.cost.prices import PriceBook, Resource

_HOUR = 3_600_000_000  # in microseconds
_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Resources of an attempt, of all of its nodes together."""

    gpus: int = 0
    cores: float = 0.0
    memory_bytes: int = 0
    gpu_model: str = ""  #: as the driver or the node calls it; empty: unknown
    capacity: str = ""
    region: str = ""

    def usd_per_hour(self, book: PriceBook, at: dt.datetime) -> Decimal | None:
        """What an hour costs; what has no price is left out, None: nothing has one."""
        return self._usd(book, at, _HOUR)

    def predicted_usd_per_hour(self, book: PriceBook, at: dt.datetime) -> Decimal | None:
        """What an hour will cost. None: nobody can tell, or its GPUs, most of the cost, have no price."""
        if self.gpus and self._price(book, at, Resource.GPU) is None:
            return None
        return self.usd_per_hour(book, at)

    def unpriced(self, book: PriceBook, at: dt.datetime) -> str:
        """Why a limit in dollars cannot be held wherever it runs, for people; empty: it can."""
        if self.gpus and not book.knows(Resource.GPU, at=at, kind=self.gpu_model):
            of_type = f" of type {self.gpu_model}" if self.gpu_model else ""
            return f"GPUs{of_type} have no price"
        if not self.gpus and self.usd_per_hour(book, at) is None:
            return "nothing that its trials ask for has a price"
        return ""

    def cost(self, book: PriceBook, at: dt.datetime, *, microseconds: int) -> Amount:
        """What some time costs at the prices of a moment, as the ledger counts it."""
        usd = self._usd(book, at, microseconds) or Decimal(0)
        return Amount(usd=usd, gpu_hours=self.gpus * microseconds / _HOUR)

    def _usd(self, book: PriceBook, at: dt.datetime, microseconds: int) -> Decimal | None:
        amounts = [
            exact_amount(microseconds * count, _HOUR * per_unit, usd)
            for resource, count, per_unit in self._holding().amounts()
            if (usd := self._price(book, at, resource)) is not None
        ]
        return sum(amounts, Decimal(0)) if amounts else None

    def _price(self, book: PriceBook, at: dt.datetime, resource: Resource) -> Decimal | None:
        return book.price(
            resource,
            at=at,
            kind=self.gpu_model if resource is Resource.GPU else "",
            capacity=self.capacity,
            region=self.region,
        )

    def _holding(self) -> Holding:
        """As the ledger has it, of nobody."""
        return Holding(
            attempt_id="",
            run_id="",
            sweep_id=None,
            experiment_id=None,
            tenant_id="",
            owner="",
            started_at=_EVER,
            ended_at=None,
            outcome=Outcome.RUNNING,
            gpus=self.gpus,
            cores=self.cores,
            memory_bytes=self.memory_bytes,
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time within which prices and budgets stay the same."""

    start: dt.datetime
    end: dt.datetime


def cut(start: dt.datetime, end: dt.datetime, at: list[dt.datetime]) -> Iterator[Segment]:
    """A stretch of time, cut at some moments; nothing when it is empty."""
    moments = [start, *sorted(moment for moment in set(at) if start < moment < end), end]
    for low, high in pairwise(moments):
        if low < high:
            yield Segment(low, high)
