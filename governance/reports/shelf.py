"""Where reports are kept once they are made."""

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
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


class ReportLost(PermanentError):
    """A report whose file is not in the artifact store any more, or is another one there."""

    def __init__(self, report_id: int, problem: str) -> None:
        super().__init__(
            f"the file of report {report_id} {problem}: make the report again, by its partition or by "
            "`sweepworks report --shelve`"
        )


class Form(enum.StrEnum):
    """What a report is a file of. Values are stored; add, never rename."""

    HTML = "html"  #: a page that needs nothing beside it
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A file of the artifact store."""

    sha256: str
    size_bytes: int
    address: str  #: a path, or an s3:// URL


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReport:
    """A report that is on the shelf from now on."""

    report_id: int
    files: Mapping[Form, ReportFile]


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

    def put(self, report: Report, *, by: str) -> KeptReport:
        """Keep it, instead of an earlier one of the same period and scope.

        Raises:
            BlobLeaving: The same bytes are being deleted at this moment.
            StorageUnavailable: The database or the artifact store does not answer.
        """
        ...
