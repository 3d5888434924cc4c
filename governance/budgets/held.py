"""What an attempt holds, and what that costs: per hour, and for some time. Pure.

By the same rule as the ledger, so that what is told before the ledger has a day is what it will say.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from governance.cost.entries import Outcome
from governance.cost.ledger import Holding, exact_amount
from governance.cost.prices import PriceBook, Resource

_HOUR = 3_600_000_000  # in microseconds
_EXACT_HOUR = Decimal(_HOUR)
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
        amounts = [
            exact_amount(count, per_unit, usd)
            for resource, count, per_unit in self._holding().amounts()
            if (usd := self._price(book, at, resource)) is not None
        ]
        return sum(amounts, Decimal(0)) if amounts else None

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

    def rate(self, book: PriceBook, at: dt.datetime) -> "Rate":
        """What it costs while prices are those of a moment; what has none costs nothing."""
        return Rate(usd_per_hour=self.usd_per_hour(book, at) or Decimal(0), gpus=self.gpus)

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


class Rate(NamedTuple):
    """What something costs while prices stay the same. A tuple: it is asked thousands of times."""

    usd_per_hour: Decimal
    gpus: int

    def usd(self, microseconds: int) -> Decimal:
        """For some time."""
        return self.usd_per_hour * microseconds / _EXACT_HOUR

    def gpu_hours(self, microseconds: int) -> float:
        """Likewise."""
        return self.gpus * microseconds / _HOUR
