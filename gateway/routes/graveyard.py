"""What sweeps that have ended have shown: searched, read, confirmed."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from markupsafe import Markup
from pydantic import BaseModel, Field

from gateway.authentication import GivenOwner, GivenSweep
from gateway.documents import answer
from gateway.forms import fields_of
from gateway.html import page
from gateway.markdown import rendered
from gateway.said import said_about
from gateway.services import GivenServices
from sweeps.errors import SweepNotFound
from sweeps.tags import Subject, SubjectKind

_Words = Annotated[str, Query(max_length=500)]
_Filter = Annotated[str, Query(max_length=200)]

router = APIRouter()


class TakeawayRequest(BaseModel):
    """What a sweep has shown; null: what its page proposes."""

    takeaway: Annotated[str, Field(max_length=10_000)] | None = None


@router.get("/api/v1/graveyard")
def search(
    owner: GivenOwner,
    services: GivenServices,
    words: _Words = "",
    experiment: _Filter | None = None,
    tag: _Filter | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JSONResponse:
    """Pages that have the words, the best match first; without words the latest."""
    found = services.graveyard.search(
        words, tenant_id=owner.tenant_id, experiment=experiment, tag=tag, limit=limit
    )
    return answer({"entries": found})


@router.get("/api/v1/graveyard/{sweep}")
def get_entry(sweep: GivenSweep, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """The page of a sweep, in Markdown."""
    return answer(services.graveyard.entry(sweep, tenant_id=owner.tenant_id))


@router.put("/api/v1/graveyard/{sweep}/takeaway")
def confirm(
    sweep: GivenSweep, body: TakeawayRequest, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """Say what a sweep has shown; its page is written again soon."""
    text = services.graveyard.confirm(
        sweep, body.takeaway, tenant_id=owner.tenant_id, by=owner.name
    )
    return answer({"takeaway": text})


@router.get("/graveyard", include_in_schema=False)
def search_page(
    owner: GivenOwner,
    services: GivenServices,
    words: _Words = "",
    experiment: _Filter = "",
    tag: _Filter = "",
) -> Response:
    """All of them, or those that are asked for."""
    found = services.graveyard.search(
        words,
        tenant_id=owner.tenant_id,
        experiment=experiment or None,
        tag=tag or None,
        limit=100,
    )
    asked = {"words": words, "experiment": experiment, "tag": tag}
    return page("graveyard.html", owner=owner, entries=found, asked=asked)


@router.get("/graveyard/{sweep}", include_in_schema=False)
def show_entry(sweep: GivenSweep, owner: GivenOwner, services: GivenServices) -> Response:
    """The page of a sweep."""
    services.sweeps.get(sweep, tenant_id=owner.tenant_id)  # there is one, or 404
    try:
        entry = services.graveyard.entry(sweep, tenant_id=owner.tenant_id)
    except SweepNotFound:
        return page("unwritten.html", owner=owner, sweep=sweep)
    return page(
        "entry.html",
        owner=owner,
        entry=entry,
        body=Markup(rendered(entry.markdown)),  # noqa: S704 - safe by what `rendered` says
        said=said_about(Subject(SubjectKind.SWEEP, sweep), owner.tenant_id, services),
    )


@router.post("/graveyard/{sweep}", include_in_schema=False)
async def confirm_by_form(
    request: Request, sweep: GivenSweep, owner: GivenOwner, services: GivenServices
) -> Response:
    """The takeaway of a page's form; only pages of ours may send it, as with all that writes."""
    takeaway = (await fields_of(request)).get("takeaway", "")
    await asyncio.to_thread(
        services.graveyard.confirm, sweep, takeaway, tenant_id=owner.tenant_id, by=owner.name
    )
    return RedirectResponse(f"/graveyard/{sweep}", status_code=303)
