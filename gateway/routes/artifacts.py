"""Artifacts: announced and given to a run by its script, listed and read by it and by its tenant."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sweepworks.parts import MOST_PARTS, part_bytes

from gateway.authentication import GivenReader, GivenRun, GivenWriter
from gateway.documents import answer
from gateway.routes.blobs import signed_path
from gateway.services import GivenServices, Services
from governance.access import UploadGrant
from sweeps.artifacts import Artifact, ArtifactDraft, attachment, is_artifact_name
from sweeps.blobs import Blob, BlobFinishing, BlobKey, MissingPart, Upload
from sweeps.errors import ArtifactNotFound
from sweeps.ids import RunId, TenantId

_LINK_LIFE = dt.timedelta(hours=6)  # the slowest upload that is still alive
_CHUNK_BYTES = 1024 * 1024
_PARTS_AT_ONCE = 32

router = APIRouter(prefix="/api/v1/runs/{run}/artifacts")


class ArtifactRequest(BaseModel):
    """An artifact as it is announced."""

    model_config = ConfigDict(strict=True)

    name: str
    type: str
    sha256: str
    size: Annotated[int, Field(lt=2**63)]
    crc32: Annotated[list[int], Field(max_length=MOST_PARTS)] = []

    def draft(self) -> ArtifactDraft:
        """The same, checked."""
        return ArtifactDraft.checked(
            name=self.name,
            type=self.type,
            sha256=self.sha256,
            size_bytes=self.size,
            crc32=self.crc32,
        )


@router.post("")
def begin(
    body: ArtifactRequest, run: GivenRun, writer: GivenWriter, services: GivenServices
) -> JSONResponse:
    """Which parts of the bytes to bring, and where; null when all of them are there."""
    draft = body.draft()
    blob = draft.blob(writer.tenant_id)
    services.artifacts.begin(run, draft, tenant_id=writer.tenant_id)
    expires_at = services.clock.now() + _LINK_LIFE
    missing = services.artifact_store.missing_parts(
        blob, limit=_PARTS_AT_ONCE, expires_at=expires_at
    )
    if missing is None:
        return answer({"upload": None})
    parts = [_request(services, run, blob, part, expires_at=expires_at) for part in missing]
    return answer({"upload": {"part_bytes": part_bytes(draft.size_bytes), "parts": parts}})


@router.post("/commit")
def commit(
    body: ArtifactRequest, run: GivenRun, writer: GivenWriter, services: GivenServices
) -> JSONResponse:
    """Give the run the artifact whose bytes have arrived.

    202 while another request puts them together: a large file takes longer than clients wait.
    """
    draft = body.draft()
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


def _request(
    services: Services, run: RunId, blob: Blob, missing: MissingPart, *, expires_at: dt.datetime
) -> dict[str, Any]:
    part, request = missing.part, missing.request
    if request is None:
        grant = UploadGrant(
            tenant_id=blob.key.tenant_id,
            run_id=run,
            sha256=blob.key.sha256,
            size_bytes=blob.size_bytes,
            part=part.number,
            crc32=part.crc32,
            expires_at=expires_at,
        )
        request = Upload(method="PUT", url=signed_path(grant, key=services.key), headers={})
    return {
        "number": part.number,
        "offset": part.offset,
        "size": part.size_bytes,
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
    }


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
    return {
        "Content-Length": str(artifact.size_bytes),
        "ETag": f'"{artifact.sha256}"',
        "Content-Disposition": attachment(artifact.name),
        "X-Content-Type-Options": "nosniff",
    }


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
