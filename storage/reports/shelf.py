"""Reports that were made: a row for each, and a page and Markdown in the artifact store."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import dict_row

from governance.reports.html import fragment_of, page, page_around
from governance.reports.markdown import markdown
from governance.reports.model import Report, Scope
from governance.reports.shelf import Form, KeptReport, Reader, ReportNotFound, ShelvedReport
from storage import queries
from storage.database import Pool, transaction
from storage.reports.files import ReportFiles
from sweeps.blobs import ArtifactStore

_QUERIES = queries.load("report_shelf")


class PostgresReportShelf:
    """A `governance.reports.shelf.ReportShelf`, and what reads it."""

    def __init__(self, pool: Pool, store: ArtifactStore) -> None:
        self._pool = pool
        self._files = ReportFiles(pool, store)

    def put(self, report: Report, *, by: str) -> KeptReport:
        """Keep it, instead of an earlier one of the same period and scope.

        First the files, then the row, so that a row always has its files.

        Raises:
            BlobLeaving: The same bytes are being deleted at this moment.
            StorageUnavailable: The database or the artifact store does not answer.
        """
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
        }
        files = [
            self._files.bring(Form.HTML, page(report)),
            self._files.bring(Form.MARKDOWN, markdown(report)),
        ]
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["put"], parameters).fetchone()
            assert row is not None  # INSERT … RETURNING with DO UPDATE always gives a row
            self._files.refer(connection, row[0], files)
        return KeptReport(
            report_id=int(row[0]),
            files={file.form: self._files.describe(file) for file in files},
        )

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
            ReportLost: Its file is not in the artifact store any more.
            StorageUnavailable: The database or the store does not answer.
        """
        return fragment_of(self._text(report_id, reader, Form.HTML))

    def markdown(self, report_id: int, reader: Reader) -> str:
        """The same as Markdown. `ReportNotFound`, `ReportLost`, `StorageUnavailable`."""
        return self._text(report_id, reader, Form.MARKDOWN)

    def is_alone(self, tenant: str) -> bool:
        """Whether no other tenant is known, whose affairs a report of everybody could tell."""
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["is_alone"], {"tenant": tenant}).fetchone()
        assert row is not None  # it has no FROM
        return bool(row[0])

    def _text(self, report_id: int, reader: Reader, form: Form) -> str:
        parameters = {
            "report_id": report_id, "tenant": reader.tenant, "sees": reader.sees, "form": form,
        }  # fmt: skip
        while True:
            with transaction(self._pool) as connection:
                cursor = connection.cursor(row_factory=dict_row)
                row = cursor.execute(_QUERIES["get"], parameters).fetchone()
            if row is None:
                raise ReportNotFound(report_id)
            if row["html"] is None:
                return self._files.read(report_id, row["sha256"])
            self._move(report_id, row)

    def _move(self, report_id: int, row: Mapping[str, Any]) -> None:
        """Have the store keep what a version before wrote into the row."""
        files = [
            self._files.bring(Form.HTML, page_around(row["html"])),
            self._files.bring(Form.MARKDOWN, row["markdown"]),
        ]
        parameters = {"report_id": report_id, **row}
        with transaction(self._pool) as connection:
            if connection.execute(_QUERIES["clear_text"], parameters).fetchone() is not None:
                self._files.refer(connection, report_id, files)


def _shelved(row: Mapping[str, Any]) -> ShelvedReport:
    columns: dict[str, Any] = dict(row)
    columns["scope"] = Scope(
        tenant=columns.pop("tenant_id"),
        experiment=columns.pop("experiment"),
        sweep_id=columns.pop("sweep_id"),
    )
    return ShelvedReport(**columns)
