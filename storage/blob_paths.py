"""Where a blob is, in a folder as in a bucket: `<tenant>/<2 digits>/<2 digits>/<sha256>`."""

import hashlib

from sweeps.blobs import BlobKey
from sweeps.errors import ArtifactNotFound
from sweeps.ids import is_name

_DIGITS = frozenset("0123456789abcdef")


def blob_path(key: BlobKey) -> str:
    """The blob's own path, relative and safe whatever its tenant is called.

    Raises:
        ArtifactNotFound: That is no sha256.
    """
    digest = key.sha256
    if len(digest) != 64 or not set(digest) <= _DIGITS:
        raise ArtifactNotFound(digest[:80])
    return f"{_tenant_folder(key)}/{digest[:2]}/{digest[2:4]}/{digest}"


def parts_name(key: BlobKey) -> str:
    """A name for what has arrived of the blob; no other blob has it."""
    return f"{_tenant_folder(key)}.{key.sha256}.parts"


def _tenant_folder(key: BlobKey) -> str:
    # A tenant's name comes from a file that a person wrote; only plain ones become folders.
    if is_name(key.tenant_id):
        return key.tenant_id
    return f"_{hashlib.sha256(key.tenant_id.encode()).hexdigest()[:32]}"
