"""The sha256 of bytes as a store has them now."""

import hashlib
from collections.abc import Callable

from sweeps.blobs import ArtifactStore, BlobKey

_BLOCK_BYTES = 4 * 2**20


def hash_blob(
    store: ArtifactStore, key: BlobKey, *, on_read: Callable[[int], None] = lambda _: None
) -> tuple[int, str]:
    """Size and sha256 of what is stored under a key.

    Args:
        on_read: Called with the number of bytes that were read.

    Raises:
        ArtifactNotFound: Nothing is.
        StorageUnavailable: The store does not answer.
    """
    digest, size = hashlib.sha256(), 0
    with store.open(key) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
            on_read(len(block))
    return size, digest.hexdigest()
