"""From a sweep file to a submission: read, checked against tenants, named."""

import getpass
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from governance.tenants import TenantDirectory
from sweeps import ids
from sweeps.errors import InvalidSweepFile, Problem
from sweeps.ids import SweepId
from sweeps.specs import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A checked sweep, ready to be written down."""

    sweep_id: SweepId
    spec: SweepSpec
    source_dir: str
    created_by: str


def submission(
    *,
    file: Path | None = None,
    document: Mapping[str, object] | None = None,
    source_dir: str = "",
    entropy: bytes | None = None,
) -> Submission:
    """A checked submission from a file, or from the content of one.

    Raises:
        InvalidSweepFile: Everything that is wrong with it.
        UnknownTenant: No tenant file declares its tenant.
        AccessDenied: Its owner is not a member of the tenant.
    """
    if file is not None:
        spec, folder = check_file(file), str(file.resolve().parent)
    else:
        spec, folder = check_document(document or {}), source_dir
    return Submission(
        sweep_id=ids.sweep_id(spec.experiment, entropy=entropy or secrets.token_bytes(5)),
        spec=spec,
        source_dir=folder or str(Path.cwd()),
        created_by=_user(),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
