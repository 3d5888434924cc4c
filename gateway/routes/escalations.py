"""Violations of quotas over HTTP: what is in a tenant's way, and that somebody looks after it."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from gateway.authentication import GivenOwner
from gateway.documents import answer
from gateway.errors import InvalidRequest
from gateway.forms import fields_of
from gateway.services import GivenServices
from governance.quotas.escalations import LONGEST_ACKNOWLEDGEMENT, document

_MOST_SHOWN = 1000
_MOST_DIGITS = 18

router = APIRouter()


class AcknowledgementRequest(BaseModel):
    """What is done about it."""

    comment: Annotated[str, Field(max_length=LONGEST_ACKNOWLEDGEMENT)]


@router.get("/api/v1/escalations")
def list_escalations(
    owner: GivenOwner,
    services: GivenServices,
    ended: Annotated[bool, Query()] = False,  # noqa: FBT002 - of a query
) -> JSONResponse:
    """Violations of quotas that are the tenant's: since when, what would remedy them, who was told."""
    found = services.escalations.list(tenant=owner.tenant_id, with_ended=ended, limit=_MOST_SHOWN)
    return answer({"escalations": [document(one) for one in found]})


@router.post("/api/v1/escalations/{number}/acknowledgement")
def acknowledge(
    number: int, body: AcknowledgementRequest, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """Say that somebody looks after one: nobody is told of it any more."""
    services.escalations.acknowledge(
        number, by=owner.name, comment=body.comment, tenant=owner.tenant_id
    )
    return answer({"escalation": number, "acknowledged_by": owner.name}, status=201)


@router.post("/queue", include_in_schema=False)
async def acknowledge_by_form(
    request: Request, owner: GivenOwner, services: GivenServices
) -> Response:
    """The same by the form of the page; only pages of ours may send it."""
    fields = await fields_of(request)
    number = fields.get("escalation", "")
    if not number.isascii() or not number.isdecimal() or len(number) > _MOST_DIGITS:
        raise InvalidRequest("this form names no escalation")
    await asyncio.to_thread(
        services.escalations.acknowledge,
        int(number),
        by=owner.name,
        comment=fields.get("comment", ""),
        tenant=owner.tenant_id,
    )
    return RedirectResponse("/queue#escalations", status_code=303)
