"""Models: what is in the registry, for pipelines and for people."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from gateway.authentication import GivenOwner
from gateway.bounds import GivenNumber
from gateway.documents import answer
from gateway.downloads import blob_answer
from gateway.html import page
from gateway.services import GivenServices
from governance.promotion.sections.names import check_alias, check_model_name
from sweeps.blobs import BlobKey

router = APIRouter()


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
def get_version(
    name: str, number: GivenNumber, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """One version, and the gates that it passed."""
    found = services.registry.version(check_model_name(name), number, tenant_id=owner.tenant_id)
    record = services.evaluations.record(found.evaluation_id)
    return answer({"version": found, "file": found.path, "gates": record.gates})


@router.get("/api/v1/models/{name}/versions/{number}/file")
def read_version(
    name: str, number: GivenNumber, owner: GivenOwner, services: GivenServices
) -> Response:
    """The bytes of a version, or where they are."""
    found = services.registry.version(check_model_name(name), number, tenant_id=owner.tenant_id)
    key = BlobKey(tenant_id=owner.tenant_id, sha256=found.sha256)
    file_name = found.artifact.rsplit("/", 1)[-1]
    return blob_answer(services, key, name=file_name, size_bytes=found.size_bytes)


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
