"""Inputs: artifacts that a run learns from, noted as its lineage, and read with its own token."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from gateway.authentication import GivenRun, GivenWriter
from gateway.documents import answer
from gateway.routes.artifacts import artifact_answer
from gateway.services import GivenServices
from sweeps.artifacts import is_artifact_name
from sweeps.errors import ArtifactNotFound, RunNotFound
from sweeps.ids import RunId, is_name

router = APIRouter(prefix="/api/v1/runs/{run}/inputs")


class InputRequest(BaseModel):
    """An artifact, by its run and name."""

    run: str
    name: str


@router.post("", status_code=201)
def use_artifact(
    body: InputRequest, run: GivenRun, writer: GivenWriter, services: GivenServices
) -> JSONResponse:
    """Note that the run uses an artifact; the same again changes nothing."""
    owner, name = _checked(body.run, body.name)
    found = services.artifacts.use(run, owner=owner, name=name, tenant_id=writer.tenant_id)
    return answer({"artifact": found}, status=201)


@router.get("/{owner}/{name:path}")
def read_input(
    run: GivenRun, owner: str, name: str, writer: GivenWriter, services: GivenServices
) -> Response:
    """The bytes of an artifact that the run has said it uses, or where they are."""
    of, name = _checked(owner, name)
    found = services.artifacts.get_input(run, owner=of, name=name, tenant_id=writer.tenant_id)
    return artifact_answer(services, found, writer.tenant_id)


def _checked(owner: str, name: str) -> tuple[RunId, str]:
    if not is_name(owner):
        raise RunNotFound(owner[:80])
    if not is_artifact_name(name):
        raise ArtifactNotFound(name[:80])
    return RunId(owner), name
