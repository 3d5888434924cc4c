"""Bytes that are to come: which parts, and by which requests."""

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sweepworks.parts import MOST_PARTS, part_bytes

from gateway.routes.blobs import signed_path
from gateway.services import Services
from governance.access import UploadGrant
from sweeps.artifacts import ArtifactDraft
from sweeps.blobs import Blob, MissingPart, Upload
from sweeps.ids import RunId

LINK_LIFE = dt.timedelta(hours=6)  # the slowest upload that is still alive
_PARTS_AT_ONCE = 32


class UploadRequest(BaseModel):
    """A file as it is announced."""

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


def upload_of(services: Services, blob: Blob, *, run: RunId) -> dict[str, Any] | None:
    """Which parts of the bytes to bring next, and where; None when all of them are there.

    Args:
        run: Whose they will be; empty: no run's.
    """
    expires_at = services.clock.now() + LINK_LIFE
    missing = services.artifact_store.missing_parts(
        blob, limit=_PARTS_AT_ONCE, expires_at=expires_at
    )
    if missing is None:
        return None
    return {
        "part_bytes": part_bytes(blob.size_bytes),
        "parts": [_request(services, run, blob, part, expires_at=expires_at) for part in missing],
    }


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
