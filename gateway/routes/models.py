"""Models: what is in the registry, for pipelines and for people."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from gateway.authentication import GivenOwner, GivenRun
from gateway.documents import answer
from gateway.downloads import blob_answer
from gateway.html import page
from gateway.services import GivenServices
from governance.promotion.approvals import check_word
from governance.promotion.sections.names import check_alias, check_model_name
from sweeps.blobs import BlobKey

router = APIRouter()


class ApprovalRequest(BaseModel):
    """What is kept with a person's word."""

    comment: Annotated[str, Field(max_length=10_000)] = ""


@router.get("/api/v1/models")
def list_models(owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Every model, its newest version, and what its aliases mean."""
    return answer({"models": services.registry.models(tenant_id=owner.tenant_id)})


@router.get("/api/v1/models/{name}")
def get_model(name: str, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """One model with its versions and every move of its aliases."""
    found = services.registry.model(check_model_name(name), tenant_id=owner.tenant_id)
    return answer({"model": found})


@router.get("/api/v1/models/{name}/aliases/{alias}")
def get_alias(name: str, alias: str, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """The version that an alias means, with image and inference configuration."""
    found = services.registry.meant_by(
        check_model_name(name), check_alias(alias), tenant_id=owner.tenant_id
    )
    return answer({"version": found, "file": found.path})


@router.get("/api/v1/models/{name}/versions/{number}")
def get_version(name: str, number: int, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """One version, and the gates that it passed."""
    found = services.registry.version(check_model_name(name), number, tenant_id=owner.tenant_id)
    record = services.evaluations.record(found.evaluation_id)
    return answer({"version": found, "file": found.path, "gates": record.gates})


@router.get("/api/v1/models/{name}/versions/{number}/file")
def read_version(name: str, number: int, owner: GivenOwner, services: GivenServices) -> Response:
    """The bytes of a version, or where they are."""
    found = services.registry.version(check_model_name(name), number, tenant_id=owner.tenant_id)
    key = BlobKey(tenant_id=owner.tenant_id, sha256=found.sha256)
    file_name = found.artifact.rsplit("/", 1)[-1]
    return blob_answer(services, key, name=file_name, size_bytes=found.size_bytes)


@router.get("/api/v1/runs/{run}/evaluation")
def get_evaluation(run: GivenRun, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """The newest evaluation of a candidate: gates, runs and approvals."""
    found = services.evaluations.newest(run, tenant_id=owner.tenant_id)
    return answer({"evaluation": services.evaluations.record(found.evaluation_id)})


@router.post("/api/v1/runs/{run}/evaluation/approvals", status_code=201)
def approve(
    run: GivenRun, body: ApprovalRequest, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """The word of the token's owner; the daemon judges anew. 200 when it was given before."""
    found = services.evaluations.newest(run, tenant_id=owner.tenant_id)
    owners = services.candidates.candidate(run, tenant_id=owner.tenant_id).owners
    check_word(found, owners=owners, by=owner.name)
    is_new = services.evaluations.approve(found.evaluation_id, by=owner.name, comment=body.comment)
    said = {"evaluation": found.evaluation_id, "approved_by": owner.name}
    return answer(said, status=201 if is_new else 200)


@router.get("/models", include_in_schema=False)
def models_page(owner: GivenOwner, services: GivenServices) -> Response:
    """All models, and what was evaluated last."""
    return page(
        "models.html",
        owner=owner,
        models=services.registry.models(tenant_id=owner.tenant_id),
        evaluations=services.evaluations.list(tenant_id=owner.tenant_id, limit=50),
    )


@router.get("/models/{name}", include_in_schema=False)
def model_page(name: str, owner: GivenOwner, services: GivenServices) -> Response:
    """One model: versions, moves, and the gates of each version with values and evidence."""
    found = services.registry.model(check_model_name(name), tenant_id=owner.tenant_id)
    records = [services.evaluations.record(one.evaluation_id) for one in found.versions[:20]]
    return page(
        "model.html",
        owner=owner,
        model=found,
        records={record.evaluation.evaluation_id: record for record in records},
    )
