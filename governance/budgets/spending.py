"""Where budgets stand: what is spent, what is reserved, how fast it goes. Pure.

What has ended costs what it cost. Of what is live, what it has burnt so far is spent, and what it is
predicted to burn from now on is reserved.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from governance.budgets.budget import Amount
from governance.budgets.policy import Budget
from governance.periods import day_of, midnight

WINDOW_DAYS = 7  #: over which the usual spending of a day is averaged
_HOUR = dt.timedelta(hours=1)
_NONE = Amount()


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What the ledger has for one budget."""

    in_period: Amount = _NONE
    in_window: Amount = _NONE  #: of the last `WINDOW_DAYS`


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPosition:
    """Where one budget stands."""

    budget: Budget
    at: dt.datetime
    spent: Amount  #: in this period, what live attempts have burnt included
    reserved: Amount  #: what live attempts are predicted to burn from now on
    live: int = 0  #: attempts
    unpredicted: int = 0  #: of them, whose cost nobody could predict
    hourly: Amount = _NONE  #: what live attempts cost now
    daily: Amount = _NONE  #: usual spending of a day, of the last `WINDOW_DAYS`

    @property
    def begins(self) -> dt.date:
        """First day of the period."""
        return self.budget.period.begins(day_of(self.at))

    @property
    def renews_at(self) -> dt.datetime | None:
        """When all of it may be spent anew; None: never."""
        day = self.budget.period.renews(day_of(self.at))
        return None if day is None else midnight(day)

    @property
    def left_usd(self) -> Decimal | None:
        """Of the limit after what is spent; below 0 when more is."""
        limit = self.budget.max_usd
        return None if limit is None else limit - self.spent.usd

    @property
    def left_gpu_hours(self) -> float | None:
        """Likewise."""
        limit = self.budget.max_gpu_hours
        return None if limit is None else limit - self.spent.gpu_hours

    @property
    def share(self) -> float:
        """How much of the limit is spent, 1 is all; of both limits the greater one."""
        shares = [0.0]
        if self.budget.max_usd is not None:
            shares.append(_share(float(self.spent.usd), float(self.budget.max_usd)))
        if self.budget.max_gpu_hours is not None:
            shares.append(_share(self.spent.gpu_hours, self.budget.max_gpu_hours))
        return max(shares)

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.share >= 1

    @property
    def crossed(self) -> tuple[float, ...]:
        """Shares of the limit that are to be told and have been reached."""
        return tuple(share for share in self.budget.warn_at if self.share >= share)

    @property
    def runs_out_at(self) -> dt.datetime | None:
        """When all is spent if it goes on like this; None: not in this period, or already."""
        if self.is_spent:
            return None
        rate = (
            self.hourly
            if self.live
            else Amount(usd=self.daily.usd / 24, gpu_hours=self.daily.gpu_hours / 24)
        )
        hours: list[float] = []
        if self.left_usd is not None and rate.usd > 0:
            hours.append(float(self.left_usd / rate.usd))
        if self.left_gpu_hours is not None and rate.gpu_hours > 0:
            hours.append(self.left_gpu_hours / rate.gpu_hours)
        if not hours or min(hours) > _FAR_HOURS:
            return None
        at = self.at + min(hours) * _HOUR
        return at if self.renews_at is None or at < self.renews_at else None


_FAR_HOURS = 24 * 365 * 100


def _share(spent: float, limit: float) -> float:
    """Of nothing everything is spent from the beginning."""
    return spent / limit if limit > 0 else 1.0
