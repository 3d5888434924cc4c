"""Where reports are kept once they are made."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from governance.access import Sees
from governance.reports.model import Report, Scope
from sweeps.errors import PermanentError


class ReportNotFound(PermanentError):
    """No report of that number for this tenant."""

    def __init__(self, report_id: int | str) -> None:
        super().__init__(f"there is no report {report_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who wants to read, of which tenant."""

    tenant: str
    sees: Sees = Sees.TENANT


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelvedReport:
    """A line of the list of reports."""

    report_id: int
    period: str
    first_day: dt.date
    until_day: dt.date
    scope: Scope
    is_portfolio: bool
    made_at: dt.datetime
    made_by: str
    cost_usd: Decimal | None
    problems: Sequence[str]  #: of sections that could not be made


class ReportShelf(Protocol):
    """Keeps reports as they were when they were made."""

    def put(self, report: Report, *, by: str) -> int:
        """Keep it, instead of an earlier one of the same period and scope; gives its number."""
        ...
