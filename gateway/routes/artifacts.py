"""Artifacts: announced and given to a run by its script, listed and read by it and by its tenant."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from gateway.authentication import GivenReader, GivenRun, GivenWriter
from gateway.documents import answer
from gateway.downloads import blob_answer
from gateway.services import GivenServices, Services
from gateway.uploads import UploadRequest, upload_of
from sweeps.artifacts import Artifact, is_artifact_name, refuse_reserved
from sweeps.blobs import BlobFinishing, BlobKey
from sweeps.errors import ArtifactNotFound
from sweeps.ids import TenantId

router = APIRouter(prefix="/api/v1/runs/{run}/artifacts")


@router.post("")
def begin(
    body: UploadRequest, run: GivenRun, writer: GivenWriter, services: GivenServices
) -> JSONResponse:
    """Which parts of the bytes to bring, and where; null when all of them are there."""
    draft = body.draft()
    refuse_reserved(draft)
    tenant_id = writer.tenant_id
    blob = draft.blob(tenant_id)
    take_room = services.storage_quotas.of(tenant_id)
    services.artifacts.begin(run, draft, tenant_id=tenant_id, take_room=take_room)
    return answer({"upload": upload_of(services, blob, run=run)})


@router.post("/commit")
def commit(
    body: UploadRequest, run: GivenRun, writer: GivenWriter, services: GivenServices
) -> JSONResponse:
    """Give the run the artifact whose bytes have arrived.

    202 while another request puts them together: a large file takes longer than clients wait.
    """
    draft = body.draft()
    refuse_reserved(draft)
    blob = draft.blob(writer.tenant_id)
    store = services.artifact_store
    try:
        store.finish(blob)
    except BlobFinishing:
        return answer({"finishing": True}, status=202)
    stored = services.artifacts.commit(
        run,
        draft,
        tenant_id=writer.tenant_id,
        has_bytes=lambda: store.size_of(blob.key) == blob.size_bytes,
    )
    return answer({"artifact": stored}, status=201)


@router.get("")
def list_artifacts(run: GivenRun, tenant: GivenReader, services: GivenServices) -> JSONResponse:
    """Artifacts of a run, by name."""
    return answer({"artifacts": services.runs.get(run, tenant_id=tenant).artifacts})


@router.get("/{name:path}")
def read_artifact(
    run: GivenRun, name: str, tenant: GivenReader, services: GivenServices
) -> Response:
    """The artifact's bytes, or where they are."""
    if not is_artifact_name(name):
        raise ArtifactNotFound(name[:80])
    return artifact_answer(services, services.artifacts.get(run, name, tenant_id=tenant), tenant)


def artifact_answer(services: Services, artifact: Artifact, tenant: TenantId) -> Response:
    """An artifact's bytes, or where they are."""
    key = BlobKey(tenant_id=tenant, sha256=artifact.sha256)
    return blob_answer(services, key, name=artifact.name, size_bytes=artifact.size_bytes)
