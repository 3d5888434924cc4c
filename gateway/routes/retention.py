"""A page of what is to go: the newest plan, what is marked with its day, what has gone."""

from fastapi import APIRouter
from fastapi.responses import Response

from gateway.authentication import GivenOwner
from gateway.html import page
from gateway.services import GivenServices
from retention.keeping import ItemState

_SHOWN = 200

router = APIRouter(include_in_schema=False)


@router.get("/retention")
def show_retention(owner: GivenOwner, services: GivenServices) -> Response:
    """Only what is the tenant's own: bytes by rule, and items, the first to go first."""
    plans = services.retention.newest(limit=1)
    tenant = owner.tenant_id
    planned = (
        services.retention.items(
            plan_id=plans[0].plan_id, state=ItemState.PLANNED, tenant_id=tenant, limit=_SHOWN
        )
        if plans
        else []
    )
    return page(
        "retention.html",
        owner=owner,
        plan=plans[0] if plans else None,
        shares=services.retention.shares(plans[0].plan_id, tenant_id=tenant) if plans else [],
        planned=planned,
        marked=services.retention.items(state=ItemState.MARKED, tenant_id=tenant, limit=_SHOWN),
        gone=services.retention.deletions(tenant_id=tenant, limit=_SHOWN),
        most=_SHOWN,
    )
