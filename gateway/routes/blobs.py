"""Bytes on their way into a store that has no address of its own, by signed link."""

import asyncio
import datetime as dt
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from gateway.documents import answer
from gateway.errors import InvalidRequest
from gateway.services import GivenServices
from governance.access import UploadGrant, sign_upload, verify_upload
from sweeps.artifacts import ArtifactTooLarge
from sweeps.blobs import BlobKey, blob_part
from sweeps.errors import ArtifactNotFound
from sweeps.ids import RunId, TenantId

_PREFIX = "/api/v1/blobs"
_WRITE_BYTES = 1024 * 1024  # at once: a thread for every 64 KiB would cost more than the disk

router = APIRouter(prefix=_PREFIX)


def signed_path(grant: UploadGrant, *, key: bytes) -> str:
    """Path and query that allow what `grant` says, to whoever knows them."""
    several = {} if grant.crc32 is None else {"part": grant.part, "crc32": grant.crc32}
    query = {
        "size": grant.size_bytes,
        **several,
        "expires": int(grant.expires_at.timestamp()),
        "tenant": grant.tenant_id,
        "run": grant.run_id,
        "signature": sign_upload(grant, key=key),
    }
    return f"{_PREFIX}/{grant.sha256}?{urlencode(query)}"


@router.put("/{sha256}", status_code=201)
async def put_blob(
    sha256: str,
    request: Request,
    services: GivenServices,
    size: Annotated[int, Query(ge=0, lt=2**63)],
    expires: Annotated[int, Query(ge=0, lt=2**33)],
    tenant: str,
    run: str,
    signature: str,
    part: Annotated[int, Query(ge=1, lt=2**31)] = 1,
    crc32: Annotated[int | None, Query(ge=0, lt=2**32)] = None,
) -> JSONResponse:
    """Take the bytes of a part, and keep them if they are what was announced."""
    grant = UploadGrant(
        tenant_id=TenantId(tenant),
        run_id=RunId(run),
        sha256=sha256,
        size_bytes=size,
        part=part,
        crc32=crc32,
        expires_at=dt.datetime.fromtimestamp(expires, dt.UTC),
    )
    verify_upload(grant, signature, key=services.key, now=services.clock.now())
    if services.blob_intake is None:  # a link of the days before the store was another one
        raise ArtifactNotFound("that is brought through this gateway: begin again")
    try:
        expected = blob_part(size, part, crc32=crc32)
    except ValueError as exc:  # signed by a version that cuts files otherwise
        raise InvalidRequest(str(exc)) from exc
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > expected.size_bytes:
        raise ArtifactTooLarge(f"{announced} bytes come, the link is for {expected.size_bytes}")
    key = BlobKey(tenant_id=grant.tenant_id, sha256=sha256)
    upload = await asyncio.to_thread(services.blob_intake.receive, key, expected)
    try:
        waiting = bytearray()
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= _WRITE_BYTES:
                await asyncio.to_thread(upload.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(upload.write, bytes(waiting))
        await asyncio.to_thread(upload.finish)
    finally:
        upload.abort()  # after `finish` there is nothing left to abort
    return answer({"sha256": sha256, "part": part, "size": expected.size_bytes}, status=201)
