"""Bytes of the store for who asks: by a signed address, or through this process."""

from collections.abc import Iterator
from typing import BinaryIO

from fastapi.responses import RedirectResponse, Response, StreamingResponse

from gateway.services import Services
from gateway.uploads import LINK_LIFE
from sweeps.artifacts import attachment
from sweeps.blobs import BlobKey

_CHUNK_BYTES = 1024 * 1024


def blob_answer(services: Services, key: BlobKey, *, name: str, size_bytes: int) -> Response:
    """The bytes, or where they are; `name` is what a browser saves them as."""
    elsewhere = services.artifact_store.download_url(
        key, name=name, expires_at=services.clock.now() + LINK_LIFE
    )
    if elsewhere is not None:
        return RedirectResponse(elsewhere)
    headers = {
        "Content-Length": str(size_bytes),
        "ETag": f'"{key.sha256}"',
        "Content-Disposition": attachment(name),
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(
        _chunks(services.artifact_store.open(key)),
        media_type="application/octet-stream",
        headers=headers,
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
