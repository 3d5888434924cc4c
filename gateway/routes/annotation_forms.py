"""Forms of pages that write tags, notes and links, and lead back to the page."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from gateway.authentication import GivenOwner
from gateway.errors import InvalidRequest
from gateway.forms import fields_of
from gateway.said import path_of
from gateway.services import GivenServices, Services
from storage.token_store import TokenOwner
from sweeps.tags import Subject, parse_subject, parse_tag

router = APIRouter(include_in_schema=False)


@router.post("/annotate")
async def annotate(request: Request, owner: GivenOwner, services: GivenServices) -> Response:
    """One change: ``action`` says which, ``on`` of what."""
    fields = await fields_of(request)
    subject = parse_subject(fields.get("on", ""))
    await asyncio.to_thread(_change, subject, fields, owner, services)
    return RedirectResponse(path_of(subject) + "#said", status_code=303)


def _change(
    subject: Subject, fields: dict[str, str], owner: TokenOwner, services: Services
) -> None:
    value = fields.get("value", "")
    tags, notes = services.tags, services.notes
    tenant, by = owner.tenant_id, owner.name
    match fields.get("action"):
        case "tag":
            tags.set(subject, parse_tag(value), tenant_id=tenant, by=by)
        case "untag":
            tags.remove(subject, value, tenant_id=tenant, by=by)
        case "note":
            notes.add(subject, value, tenant_id=tenant, by=by)
        case "edit-note":
            notes.edit(subject, _number(fields), value, tenant_id=tenant, by=by)
        case "remove-note":
            notes.edit(subject, _number(fields), None, tenant_id=tenant, by=by)
        case "link":
            notes.link(subject, value, tenant_id=tenant, by=by)
        case "unlink":
            notes.unlink(subject, value, tenant_id=tenant, by=by)
        case _:
            raise InvalidRequest("this form says nothing that can be done")


def _number(fields: dict[str, str]) -> int:
    text = fields.get("note", "")
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidRequest("this form names no note")
    return int(text)
