"""Reports of a tenant: the list, one to read, and its Markdown."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from markupsafe import Markup

from gateway.authentication import GivenOwner
from gateway.html import page
from gateway.services import GivenServices
from governance.reports.html import style
from governance.reports.shelf import ReportNotFound

_MOST = 200
_GREATEST = 2**63 - 1  # that the database takes for a number

router = APIRouter(include_in_schema=False)


@router.get("/reports")
def list_reports(owner: GivenOwner, services: GivenServices) -> Response:
    """Weeks and months, and what somebody has shelved."""
    reports = services.reports.list(tenant_id=owner.tenant_id, limit=_MOST)
    return page("reports.html", owner=owner, reports=reports)


@router.get("/reports/{number}")
def show_report(number: str, owner: GivenOwner, services: GivenServices) -> Response:
    """One report."""
    html = services.reports.html(_number(number), tenant_id=owner.tenant_id)
    # Ours, and escaped where it was made.
    report = Markup(html)  # noqa: S704
    return page("report.html", owner=owner, number=number, report=report, style=Markup(style()))  # noqa: S704


@router.get("/reports/{number}/markdown")
def report_markdown(number: str, owner: GivenOwner, services: GivenServices) -> Response:
    """The same as Markdown."""
    text = services.reports.markdown(_number(number), tenant_id=owner.tenant_id)
    headers = {
        "Content-Disposition": f'attachment; filename="report-{_number(number)}.md"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return PlainTextResponse(text, media_type="text/markdown; charset=utf-8", headers=headers)


def _number(text: str) -> int:
    # What cannot be a number never reaches the database.
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= _GREATEST):
        raise ReportNotFound(text[:20])
    return int(text)
