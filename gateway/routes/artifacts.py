"""Artifacts: announced and given to a run by its script, listed and read by it and by its tenant."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from gateway.authentication import GivenReader, GivenRun, GivenWriter
from gateway.documents import answer
from gateway.routes.blobs import signed_path
from gateway.services import GivenServices
from governance.access import UploadGrant
from sweeps.artifacts import Artifact, ArtifactDraft, BlobKey, is_artifact_name
from sweeps.errors import ArtifactNotFound

_LINK_LIFE = dt.timedelta(hours=6)  # the slowest upload that is still alive
_CHUNK_BYTES = 1024 * 1024

router = APIRouter(prefix="/api/v1/runs/{run}/artifacts")


class ArtifactRequest(BaseModel):
    """An artifact as it is announced."""

    model_config = ConfigDict(strict=True)

    name: str
    type: str
    sha256: str
    size: Annotated[int, Field(lt=2**63)]

    def draft(self) -> ArtifactDraft:
        """The same, checked."""
        return ArtifactDraft.checked(
            name=self.name, type=self.type, sha256=self.sha256, size_bytes=self.size
        )


@router.post("")
def begin(
    body: ArtifactRequest, run: GivenRun, writer: GivenWriter, services: GivenServices
) -> JSONResponse:
    """Where to bring the bytes; null when the tenant has brought them before."""
    draft = body.draft()
    key = BlobKey(tenant_id=writer.tenant_id, sha256=draft.sha256)
    is_known = services.artifacts.begin(run, draft, tenant_id=writer.tenant_id)
    if is_known and services.artifact_store.size_of(key) == draft.size_bytes:
        return answer({"upload": None})
    expires_at = services.clock.now() + _LINK_LIFE
    upload = services.artifact_store.upload_request(
        key, size_bytes=draft.size_bytes, expires_at=expires_at
    )
    if upload is not None:
        return answer({"upload": upload})
    grant = UploadGrant(
        tenant_id=writer.tenant_id,
        run_id=run,
        sha256=draft.sha256,
        size_bytes=draft.size_bytes,
        expires_at=expires_at,
    )
    url = signed_path(grant, key=services.key)
    return answer({"upload": {"method": "PUT", "url": url, "headers": {}}})


@router.post("/commit")
def commit(
    body: ArtifactRequest, run: GivenRun, writer: GivenWriter, services: GivenServices
) -> JSONResponse:
    """Give the run the artifact whose bytes have arrived."""
    draft = body.draft()
    key = BlobKey(tenant_id=writer.tenant_id, sha256=draft.sha256)
    if services.artifact_store.size_of(key) != draft.size_bytes:
        raise ArtifactNotFound(f"blob {draft.sha256} of {draft.size_bytes} bytes")
    stored = services.artifacts.commit(run, draft, tenant_id=writer.tenant_id)
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
    artifact = services.artifacts.get(run, name, tenant_id=tenant)
    key = BlobKey(tenant_id=tenant, sha256=artifact.sha256)
    elsewhere = services.artifact_store.download_url(
        key, name=artifact.name, expires_at=services.clock.now() + _LINK_LIFE
    )
    if elsewhere is not None:
        return RedirectResponse(elsewhere)
    return StreamingResponse(
        _chunks(services.artifact_store.open(key)),
        media_type="application/octet-stream",
        headers=_headers(artifact),
    )


def _headers(artifact: Artifact) -> dict[str, str]:
    file_name = quote(artifact.name.rsplit("/", 1)[-1])
    return {
        "Content-Length": str(artifact.size_bytes),
        "ETag": f'"{artifact.sha256}"',
        # A script's file must not become a page of ours in somebody's browser.
        "Content-Disposition": f"attachment; filename*=UTF-8''{file_name}",
        "X-Content-Type-Options": "nosniff",
    }


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
