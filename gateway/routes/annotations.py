"""What people say about runs, sweeps and experiments: tags, notes, links."""

from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from gateway.authentication import GivenOwner
from gateway.bounds import GivenNote
from gateway.documents import answer
from gateway.said import said_about
from gateway.services import GivenServices
from sweeps.ids import RunId
from sweeps.tags import PRODUCTION_CANDIDATE, Subject, parse_subject, parse_subjects, parse_tag

_MOST_AT_ONCE = 1_000

router = APIRouter(prefix="/api/v1/annotations")


def _subject(on: Annotated[str, Query(max_length=200)]) -> Subject:
    return parse_subject(on)


#: ``run:…``, ``sweep:…``, ``experiment:…``, or the name of a run or a sweep.
_Given = Annotated[Subject, Depends(_subject)]
_On = Annotated[str, Field(max_length=200)]


class TagRequest(BaseModel):
    """A tag, such as ``keeper`` or ``team=vision``, and what gets it."""

    on: Annotated[list[_On], Field(min_length=1, max_length=_MOST_AT_ONCE)]
    tag: Annotated[str, Field(max_length=1_000)]


class NoteRequest(BaseModel):
    """A note; null takes one back."""

    on: _On
    text: Annotated[str, Field(max_length=100_000)] | None = None


class LinkRequest(BaseModel):
    """A task id or an address."""

    on: _On
    target: Annotated[str, Field(max_length=10_000)]


@router.get("")
def get_annotations(on: _Given, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """All that is said about something."""
    return answer(said_about(on, owner.tenant_id, services).document())


@router.get("/changes")
def get_changes(on: _Given, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """What became of its tags, oldest first."""
    return answer({"changes": services.tags.changes(on, tenant_id=owner.tenant_id)})


@router.put("/tags")
def set_tags(body: TagRequest, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Give all of them the tag, or none; of one experiment, the last one is its baseline."""
    tag = parse_tag(body.tag)
    subjects = parse_subjects(body.on)
    moved = services.tags.set_all(subjects, tag, tenant_id=owner.tenant_id, by=owner.name)
    notes: list[str] = []
    if tag.name == PRODUCTION_CANDIDATE:
        runs = [RunId(subject.name) for subject in subjects]  # nothing else has that tag
        notes = services.evaluations.why_not_by_tag(runs, tenant_id=owner.tenant_id)
    document = {"tag": str(tag), "moved_from": list(chain.from_iterable(moved))}
    return answer({**document, "notes": notes})


@router.delete("/tags")
def remove_tag(
    on: _Given,
    owner: GivenOwner,
    services: GivenServices,
    name: Annotated[str, Query(max_length=256)],
) -> JSONResponse:
    """Take a tag away."""
    had = services.tags.remove(on, name, tenant_id=owner.tenant_id, by=owner.name)
    return answer({"removed": had})


@router.post("/notes", status_code=201)
def add_note(body: NoteRequest, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Note something."""
    subject = parse_subject(body.on)
    note = services.notes.add(subject, body.text or "", tenant_id=owner.tenant_id, by=owner.name)
    return answer(note, status=201)


@router.get("/notes/{note}")
def get_versions(
    note: GivenNote, on: _Given, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """All that a note has ever said."""
    return answer({"versions": services.notes.versions(on, note, tenant_id=owner.tenant_id)})


@router.put("/notes/{note}")
def edit_note(
    note: GivenNote, body: NoteRequest, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """Write a note anew, or take it back."""
    subject = parse_subject(body.on)
    edited = services.notes.edit(subject, note, body.text, tenant_id=owner.tenant_id, by=owner.name)
    return answer(edited)


@router.post("/links", status_code=201)
def add_link(body: LinkRequest, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Link it with a task or an address; 200 when it is already."""
    subject = parse_subject(body.on)
    is_new = services.notes.link(subject, body.target, tenant_id=owner.tenant_id, by=owner.name)
    return answer({"is_new": is_new}, status=201 if is_new else 200)


@router.delete("/links")
def remove_link(
    on: _Given,
    owner: GivenOwner,
    services: GivenServices,
    target: Annotated[str, Query(max_length=10_000)],
) -> JSONResponse:
    """Remove a link."""
    had = services.notes.unlink(on, target, tenant_id=owner.tenant_id, by=owner.name)
    return answer({"removed": had})
