"""What a tenant has spent: as JSON, and as a page."""

import datetime as dt
import json
from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from gateway.authentication import GivenOwner
from gateway.bounds import Day
from gateway.documents import answer
from gateway.errors import InvalidRequest
from gateway.html import page
from gateway.services import GivenServices, Services
from governance.cost.report import (
    CostSheet,
    GroupBy,
    by_day_and_key,
    sheet_document,
    summaries,
    total,
)
from storage.cost.holdings import CostFilter
from storage.token_store import TokenOwner

_DAYS = 30
_MOST_DAYS = 400
_TOLD_APART = 11  # keys of the plot; the others are one
_DAY = dt.timedelta(days=1)
#: What a page can be summed by. A token opens one tenant, and runs are too many.
_ON_PAGE = (GroupBy.EXPERIMENT, GroupBy.SWEEP, GroupBy.USER, GroupBy.GPU, GroupBy.MODEL)

router = APIRouter()


@router.get("/api/v1/cost")
def get_cost(
    owner: GivenOwner,
    services: GivenServices,
    *,
    by: GroupBy = GroupBy.EXPERIMENT,
    since: Day | None = None,
    until: Day | None = None,
) -> JSONResponse:
    """What the tenant has spent, from the ledger and estimated where it does not reach yet."""
    first, last = _stretch(services, since, until)
    sheet = _sheet(owner, services, by, first, last)
    document = {"since": first.isoformat(), "until": last.isoformat(), **sheet_document(sheet, by)}
    return answer(document)


@router.get("/cost", include_in_schema=False)
def show_cost(
    owner: GivenOwner,
    services: GivenServices,
    *,
    by: GroupBy = GroupBy.EXPERIMENT,
    since: Day | None = None,
    until: Day | None = None,
) -> Response:
    """The same with a plot of every day."""
    if by not in _ON_PAGE:
        raise InvalidRequest(f"a page shows costs by {', '.join(_ON_PAGE)}")
    first, last = _stretch(services, since, until)
    sheet = _sheet(owner, services, by, first, last)
    days = [first + n * _DAY for n in range((last - first).days + 1)]
    return page(
        "cost.html",
        owner=owner,
        by=str(by),
        choices=[str(choice) for choice in _ON_PAGE],
        since=first.isoformat(),
        until=last.isoformat(),
        total=total(sheet.lines),
        rows=summaries(sheet.lines, by=by),
        has_example_prices=sheet.has_example_prices,
        plot=_plot(sheet, days),
    )


def _sheet(
    owner: TokenOwner, services: Services, by: GroupBy, first: dt.date, last: dt.date
) -> CostSheet:
    return services.costs.sheet(
        by,
        since=first,
        until=last,
        now=services.clock.now(),
        of=CostFilter(tenant_id=owner.tenant_id),
    )


def _stretch(
    services: Services, since: dt.date | None, until: dt.date | None
) -> tuple[dt.date, dt.date]:
    """First and last day; without them the last 30 days."""
    last = until or services.clock.now().astimezone(dt.UTC).date()
    first = since or last - (_DAYS - 1) * _DAY
    if not 0 <= (last - first).days < _MOST_DAYS:
        raise InvalidRequest(f"ask for 1 to {_MOST_DAYS} days, the first one first")
    return first, last


def _plot(sheet: CostSheet, days: Sequence[dt.date]) -> str:
    """What the page's script draws: a bar for each day, stacked by key."""
    stacked = by_day_and_key(sheet.lines, days=days, most=_TOLD_APART)
    return json.dumps(
        {
            "days": [day.isoformat() for day in days],
            "bars": [{"name": key or "none", "usd": usd} for key, usd in stacked],
        }
    )
