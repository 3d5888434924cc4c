"""Entries of the ledger: of whom, for what, how much. Pure."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sweeps.states import ExitReason, RunState

CENT = Decimal("0.01")
DECIMALS = 10  #: of an amount in dollars, wherever one is kept


class Outcome(StrEnum):
    """What became of the work that was paid for."""

    RUNNING = "running"  #: it goes on
    COMPLETED = "completed"
    STOPPED = "stopped"  #: early, by the search
    PAUSED = "paused"  #: at a rung; may go on in another attempt
    FAILED = "failed"  #: by its own fault
    EVICTED = "evicted"  #: by the machine's
    CANCELLED = "cancelled"  #: by a person
    IDLE = "idle"  #: a GPU was held and not used, whatever became of the attempt


#: Outcomes of work that came to nothing.
LOST = frozenset({Outcome.FAILED, Outcome.EVICTED})


def outcome(reason: ExitReason | None, *, final: RunState | None) -> Outcome:
    """What became of an attempt.

    Args:
        reason: Why it ended; None: it has not.
        final: State of its run, if this was its last attempt and the run is over; else None.
    """
    if reason is None:
        return Outcome.RUNNING
    if reason.is_infrastructure and final not in {RunState.COMPLETED, RunState.STOPPED}:
        return Outcome.EVICTED
    if final is not None and final.is_terminal:
        return Outcome(final.value)
    match reason:
        case ExitReason.COMPLETED:
            return Outcome.COMPLETED
        case ExitReason.STOPPED:
            return Outcome.STOPPED
        case ExitReason.PAUSED:
            return Outcome.PAUSED
        case ExitReason.CANCELLED:
            return Outcome.CANCELLED
        case _:
            return Outcome.FAILED


class CostEntry(NamedTuple):
    """One line of the ledger, in the order of its columns. A tuple: a day may have a million.

    `unit_price_usd` and `amount_usd` are None where the price book has no price.
    """

    day: dt.date
    entry_key: str  #: of whom and for what; within its day there is one of it
    tenant_id: str
    experiment_id: int | None
    sweep_id: str | None
    run_id: str | None
    attempt_id: str | None
    owner: str
    category: str  #: ``compute`` or ``storage``
    resource: str  #: a `Resource`
    kind: str  #: GPU type or storage class
    capacity: str
    region: str
    quantity: float
    unit: str
    unit_price_usd: Decimal | None
    amount_usd: Decimal | None
    outcome: str  #: an `Outcome`; empty for storage
    is_waste: bool
    price_version: int
