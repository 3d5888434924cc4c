"""Where a blob is, in a folder as in a bucket: `<tenant>/<2 digits>/<2 digits>/<sha256>`."""

import hashlib
import re

from sweeps.blobs import BlobKey
from sweeps.errors import ArtifactNotFound
from sweeps.ids import TenantId, is_name

#: Beside the folders of tenants, and none of their names: of which installation all of it is.
OWNER_NAME = ".sweepworks-installation"

_PATH = re.compile(
    r"(?P<folder>[^/]+)/(?P<first>[0-9a-f]{2})/(?P<second>[0-9a-f]{2})/(?P<sha256>[0-9a-f]{64})"
)
_DIGITS = frozenset("0123456789abcdef")


def blob_path(key: BlobKey) -> str:
    """The blob's own path, relative and safe whatever its tenant is called.

    Raises:
        ArtifactNotFound: That is no sha256.
    """
    digest = key.sha256
    if len(digest) != 64 or not set(digest) <= _DIGITS:
        raise ArtifactNotFound(digest[:80])
    return f"{tenant_folder(key.tenant_id)}/{digest[:2]}/{digest[2:4]}/{digest}"


def parts_name(key: BlobKey) -> str:
    """A name for what has arrived of the blob; no other blob has it."""
    return f"{tenant_folder(key.tenant_id)}.{key.sha256}.parts"


def parse_blob_path(path: str) -> tuple[str, str] | None:
    """The folder of its tenant and the sha256 of a blob's own path; None when it is no such path."""
    match = _PATH.fullmatch(path)
    if match is None or not match["sha256"].startswith(match["first"] + match["second"]):
        return None
    return match["folder"], match["sha256"]


def tenant_folder(tenant_id: TenantId) -> str:
    """What the tenant's blobs are under."""
    # A tenant's name comes from a file that a person wrote; only plain ones become folders.
    if is_name(tenant_id):
        return tenant_id
    return f"_{hashlib.sha256(tenant_id.encode()).hexdigest()[:32]}"
