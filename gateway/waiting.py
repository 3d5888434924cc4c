"""A flush on its way to the database, and who waits for it."""

import asyncio
from dataclasses import dataclass

from storage.deliveries import Delivery, Receipt


@dataclass(frozen=True, slots=True)
class Waiting:
    """A flush, and its request's future."""

    delivery: Delivery
    outcome: asyncio.Future[Receipt]
