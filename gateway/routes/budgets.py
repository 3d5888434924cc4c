"""Budgets: as JSON, and as a page with bars."""

import datetime as dt

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from gateway.authentication import GivenOwner
from gateway.documents import answer
from gateway.html import page
from gateway.services import GivenServices, Services
from governance.budgets.bars import bars
from governance.budgets.report import document, outlook
from governance.budgets.spending import BudgetPosition
from storage.token_store import TokenOwner

_WARNINGS = dt.timedelta(days=31)

router = APIRouter()


@router.get("/api/v1/budgets")
def list_budgets(owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Budgets of the tenant: limit, spent, reserved, left, and when they run out."""
    positions = _positions(owner, services)
    return answer({"budgets": [document(one) for one in positions]})


@router.get("/budgets", include_in_schema=False)
def show_budgets(owner: GivenOwner, services: GivenServices) -> Response:
    """The same with a bar for each limit."""
    positions = _positions(owner, services)
    names = {one.budget.name for one in positions}
    since = services.clock.now() - _WARNINGS
    told = services.budget_reports.warnings(since=since, tenant=owner.tenant_id)
    return page(
        "budgets.html",
        owner=owner,
        cards=[(one, bars(one), outlook(one)) for one in positions],
        told=[warning for warning in told if warning.budget in names],
    )


def _positions(owner: TokenOwner, services: Services) -> list[BudgetPosition]:
    """What is of this tenant alone: budgets of several say what others spend."""
    found = services.budgets.positions(tenant=owner.tenant_id, now=services.clock.now())
    return [one for one in found if one.budget.scope.tenant == owner.tenant_id]
