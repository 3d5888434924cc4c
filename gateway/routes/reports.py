"""Reports: the list, one to read, and its Markdown.

Each tenant reads its own. What is about several is for tokens that were made to see it, and for a
tenant that is alone: there is nobody whom it could be told about.
"""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from markupsafe import Markup

from gateway.alone import is_only_tenant
from gateway.authentication import GivenOwner
from gateway.html import page
from gateway.services import GivenServices, Services
from governance.access import Sees
from governance.reports.html import style
from governance.reports.shelf import Reader, ReportNotFound
from storage.token_store import TokenOwner

_MOST = 200
_GREATEST = 2**63 - 1  # that the database takes for a number

router = APIRouter(include_in_schema=False)


@router.get("/reports")
def list_reports(owner: GivenOwner, services: GivenServices) -> Response:
    """Weeks and months, and what somebody has shelved."""
    reports = services.reports.list(_reader(owner, services), limit=_MOST)
    return page("reports.html", owner=owner, reports=reports)


@router.get("/reports/{number}")
def show_report(number: str, owner: GivenOwner, services: GivenServices) -> Response:
    """One report."""
    html = services.reports.html(_number(number), _reader(owner, services))
    # Ours, and escaped where it was made.
    report = Markup(html)  # noqa: S704
    return page("report.html", owner=owner, number=number, report=report, style=Markup(style()))  # noqa: S704


@router.get("/reports/{number}/markdown")
def report_markdown(number: str, owner: GivenOwner, services: GivenServices) -> Response:
    """The same as Markdown."""
    text = services.reports.markdown(_number(number), _reader(owner, services))
    headers = {
        "Content-Disposition": f'attachment; filename="report-{_number(number)}.md"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return PlainTextResponse(text, media_type="text/markdown; charset=utf-8", headers=headers)


def _reader(owner: TokenOwner, services: Services) -> Reader:
    sees = owner.sees
    if is_only_tenant(owner, services) and services.reports.is_alone(owner.tenant_id):
        sees = Sees.ALL
    return Reader(tenant=owner.tenant_id, sees=sees)


def _number(text: str) -> int:
    # What cannot be a number never reaches the database.
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= _GREATEST):
        raise ReportNotFound(text[:20])
    return int(text)
