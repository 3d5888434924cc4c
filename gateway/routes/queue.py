"""The queue: as JSON, and as a page with a picture of what a tenant holds and what is in its way."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from gateway.authentication import GivenOwner
from gateway.documents import answer
from gateway.html import page
from gateway.services import GivenServices
from governance.access import no_person
from governance.scheduling.report import usage_words

_MOST_SHOWN = 200

router = APIRouter()


@router.get("/api/v1/queue")
def get_queue(
    owner: GivenOwner,
    services: GivenServices,
    limit: Annotated[int, Query(ge=1, le=10_000)] = _MOST_SHOWN,
) -> JSONResponse:
    """Trials of the tenant that wait to be admitted, by place, and what it holds and may have."""
    return answer(services.queue.report(tenant_id=owner.tenant_id, limit=limit))


@router.get("/queue", include_in_schema=False)
def show_queue(owner: GivenOwner, services: GivenServices) -> Response:
    """The same for people."""
    report = services.queue.report(tenant_id=owner.tenant_id, limit=_MOST_SHOWN)
    now = services.clock.now()
    (tenant,) = report.tenants
    return page(
        "queue.html",
        owner=owner,
        report=report,
        tenant=tenant,
        used=usage_words(tenant.used),
        escalations=services.escalations.list(tenant=owner.tenant_id, limit=_MOST_SHOWN),
        objection=no_person(owner.name),
        waited={t.attempt_id: (now - t.queued_at).total_seconds() for t in report.waiting},
        until={
            t.attempt_id: None
            if t.starts_at is None
            else max((t.starts_at - now).total_seconds(), 0.0)
            for t in report.waiting
        },
    )
