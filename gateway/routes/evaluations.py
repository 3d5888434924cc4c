"""The newest evaluation of a candidate, and what people say to it: for programs and on its page."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from gateway.authentication import GivenOwner, GivenRun
from gateway.documents import answer
from gateway.errors import InvalidRequest
from gateway.forms import fields_of
from gateway.html import page
from gateway.services import GivenServices, Services
from governance.promotion.approvals import MOST_COMMENT, NoApprover, check_rejection, check_word
from governance.promotion.evaluations import Evaluation, EvaluationState
from storage.token_store import TokenOwner
from sweeps.errors import StateConflict
from sweeps.ids import RunId

router = APIRouter()


class WordRequest(BaseModel):
    """What is kept with a person's word."""

    comment: Annotated[str, Field(max_length=MOST_COMMENT)] = ""


@router.get("/api/v1/runs/{run}/evaluation")
def get_evaluation(run: GivenRun, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """The newest evaluation of a candidate: gates, runs and approvals."""
    found = services.evaluations.newest(run, tenant_id=owner.tenant_id)
    return answer({"evaluation": services.evaluations.record(found.evaluation_id)})


@router.post("/api/v1/runs/{run}/evaluation/approvals", status_code=201)
def approve(
    run: GivenRun, body: WordRequest, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """The word of the token's owner; the daemon judges anew. 200 when it was given before."""
    found = services.evaluations.newest(run, tenant_id=owner.tenant_id)
    is_new = _approve(found, body.comment, owner, services)
    said = {"evaluation": found.evaluation_id, "approved_by": owner.name}
    return answer(said, status=201 if is_new else 200)


@router.post("/api/v1/runs/{run}/evaluation/rejections", status_code=201)
def reject(
    run: GivenRun, body: WordRequest, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """The no of the token's owner, with its reason: it ends the evaluation."""
    found = services.evaluations.newest(run, tenant_id=owner.tenant_id)
    _reject(found, body.comment, owner, services)
    said = {"evaluation": found.evaluation_id, "rejected_by": owner.name}
    return answer(said, status=201)


@router.get("/runs/{run}/evaluation", include_in_schema=False)
def evaluation_page(run: GivenRun, owner: GivenOwner, services: GivenServices) -> Response:
    """The same for people, with a form while somebody's word is waited for."""
    found = services.evaluations.newest(run, tenant_id=owner.tenant_id)
    record = services.evaluations.record(found.evaluation_id)
    metrics = sorted({name for one in record.measurements for name in one.metrics})
    return page(
        "evaluation.html",
        owner=owner,
        record=record,
        metrics=metrics,
        is_waiting=found.state is EvaluationState.WAITING,
        objection=_objection(found, owner, services),
        has_approved=any(one.approved_by == owner.name for one in record.approvals),
        most_comment=MOST_COMMENT,
    )


@router.post("/runs/{run}/evaluation", include_in_schema=False)
async def say(
    request: Request, run: GivenRun, owner: GivenOwner, services: GivenServices
) -> Response:
    """A yes or a no of that page's form."""
    await asyncio.to_thread(_say, run, await fields_of(request), owner, services)
    return RedirectResponse(f"/runs/{run}/evaluation#word", status_code=303)


def _say(run: RunId, fields: dict[str, str], owner: TokenOwner, services: Services) -> None:
    found = services.evaluations.newest(run, tenant_id=owner.tenant_id)
    comment = fields.get("comment", "").strip()
    if len(comment) > MOST_COMMENT:
        raise InvalidRequest(f"a comment has at most {MOST_COMMENT} characters")
    shown, word = fields.get("evaluation"), fields.get("word")
    if shown is None or word not in {"approved", "rejected"}:
        raise InvalidRequest("this form says nothing that can be done")
    if shown != found.evaluation_id:  # whoever said it has seen other figures
        newest = f"not the newest any more, {found.evaluation_id} is"
        raise StateConflict(f"evaluation {shown[:200]}", current=newest, asked=word)
    if word == "approved":
        _approve(found, comment, owner, services)
    else:
        _reject(found, comment, owner, services)


def _approve(found: Evaluation, comment: str, owner: TokenOwner, services: Services) -> bool:
    check_word(found, owners=_owners(found, services), by=owner.name)
    return services.evaluations.approve(found.evaluation_id, by=owner.name, comment=comment)


def _reject(found: Evaluation, comment: str, owner: TokenOwner, services: Services) -> None:
    check_rejection(found, owners=_owners(found, services), by=owner.name, comment=comment)
    services.evaluations.reject(found.evaluation_id, by=owner.name, comment=comment)


def _objection(found: Evaluation, owner: TokenOwner, services: Services) -> str:
    """Why that person's word would not count; nothing when it would."""
    try:
        check_word(found, owners=_owners(found, services), by=owner.name)
    except (NoApprover, StateConflict) as exc:
        return str(exc)
    return ""


def _owners(found: Evaluation, services: Services) -> frozenset[str]:
    return services.candidates.candidate(found.run_id, tenant_id=found.tenant_id).owners
