"""Reports that were made, as they are shown: text and pictures in one, a few hundred kilobytes at most.

They are rows and no artifacts: they belong to no run, some belong to no tenant, and nothing that
deletes bytes of runs has to know of them.
"""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import dict_row

from governance.reports.html import fragment
from governance.reports.markdown import markdown
from governance.reports.model import Report, Scope
from governance.reports.shelf import Reader, ReportNotFound, ShelvedReport
from storage import queries
from storage.database import Pool, transaction

_QUERIES = queries.load("report_shelf")


class PostgresReportShelf:
    """A `governance.reports.shelf.ReportShelf`, and what reads it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def put(self, report: Report, *, by: str) -> int:
        """Keep it, instead of an earlier one of the same period and scope; gives its number."""
        part, name = ("portfolio" if report.is_portfolio else "cost"), "cost"
        parameters = {
            "period": report.period.name,
            "first_day": report.period.first,
            "until_day": report.period.until,
            "tenant_id": report.scope.tenant,
            "experiment": report.scope.experiment,
            "sweep_id": report.scope.sweep_id,
            "is_portfolio": report.is_portfolio,
            "made_at": report.made_at,
            "made_by": by,
            "cost_usd": report.figure(part, name),
            "problems": list(report.problems),
            "markdown": markdown(report),
            "html": fragment(report),
        }
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["put"], parameters).fetchone()
        assert row is not None  # INSERT … RETURNING with DO UPDATE always gives a row
        return int(row[0])

    def list(self, reader: Reader, *, limit: int = 100) -> list[ShelvedReport]:
        """What somebody may read, the newest period first."""
        parameters = {"tenant": reader.tenant, "sees": reader.sees, "limit": limit}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            return [_shelved(row) for row in cursor.execute(_QUERIES["list"], parameters)]

    def html(self, report_id: int, reader: Reader) -> str:
        """A report as a part of a page.

        Raises:
            ReportNotFound: There is none of that number, or not for this reader.
        """
        return self._texts(report_id, reader)[0]

    def markdown(self, report_id: int, reader: Reader) -> str:
        """The same as Markdown. `ReportNotFound`."""
        return self._texts(report_id, reader)[1]

    def is_alone(self, tenant: str) -> bool:
        """Whether no other tenant is known, whose affairs a report of everybody could tell."""
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["is_alone"], {"tenant": tenant}).fetchone()
        assert row is not None  # it has no FROM
        return bool(row[0])

    def _texts(self, report_id: int, reader: Reader) -> tuple[str, str]:
        parameters = {"report_id": report_id, "tenant": reader.tenant, "sees": reader.sees}
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["get"], parameters).fetchone()
        if row is None:
            raise ReportNotFound(report_id)
        return row[0], row[1]


def _shelved(row: Mapping[str, Any]) -> ShelvedReport:
    columns: dict[str, Any] = dict(row)
    columns["scope"] = Scope(
        tenant=columns.pop("tenant_id"),
        experiment=columns.pop("experiment"),
        sweep_id=columns.pop("sweep_id"),
    )
    return ShelvedReport(**columns)
