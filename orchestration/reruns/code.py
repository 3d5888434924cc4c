"""The code that a run was made of, found again."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from sweepworks import environment as env
from sweepworks.artifacts import Description, Refused, no_beat
from sweepworks.connection import Connection, Unreachable
from sweepworks.downloading import download

from compute.archives import leaving_links
from compute.code_source import CodeSource, CodeUnavailable, find_code
from compute.code_tree import Code
from orchestration.platform import Platform
from sweeps import ids, recorded
from sweeps.errors import PermanentError
from sweeps.ids import TenantId
from sweeps.reruns import Fate, Line
from sweeps.runs import RunRecord

_MOST_BLOB_BYTES = 64_000_000


def code_of(
    platform: Platform,
    record: RunRecord,
    tenant_id: TenantId,
    near: Sequence[Path],
    lines: list[Line],
) -> Code:
    """The commit, the patch and the files of a run; `lines` gets what becomes of each.

    Args:
        near: Repositories of this machine that may have the commit.
    """
    code = record.provenance.get("code") or {}
    commit, remote = recorded.text(code, "commit"), recorded.text(code, "remote")
    source: CodeSource | None = None
    if commit:
        try:
            source = find_code(
                commit,
                remote=remote,
                near=near,
                fetched=platform.settings.home.reruns / "fetched",
            )
        except CodeUnavailable as exc:
            lines.append(Line(part="code", fate=Fate.MISSING, says=str(exc)))
        else:
            where = f"fetched from {remote}" if source.is_fetched else f"in {source.repository}"
            lines.append(Line(part="code", fate=Fate.SAME, says=f"commit {commit}, {where}"))
            lines += _odd_parts(source)
    elif code:
        says = "it was in no repository, or in one without commits; its files were kept"
        lines.append(Line(part="code", fate=Fate.SAME, says=says))
    blobs: dict[str, bytes] = {}
    for kind in ("patch", "files"):
        name = recorded.text(code, kind)
        if name is None:
            continue
        try:
            blobs[kind] = _blob(platform, record, name, tenant_id)
            says = f"{name}, {len(blobs[kind])} bytes"
            if kind == "files" and (links := leaving_links(blobs[kind])):
                says = f"links that lead out of the work tree are not made: {', '.join(links[:5])}"
                lines.append(Line(part=kind, fate=Fate.MISSING, says=says))
            else:
                lines.append(Line(part=kind, fate=Fate.SAME, says=says))
        except PermanentError as exc:
            lines.append(Line(part=kind, fate=Fate.MISSING, says=str(exc)))
            blobs.pop(kind, None)
    return Code(
        source=source,
        remote=remote,
        patch=blobs.get("patch", b""),
        archive=blobs.get("files", b""),
    )


def _odd_parts(source: CodeSource) -> Iterator[Line]:
    for path, commit in source.submodules():
        if source.submodule(path, commit) is None:
            says = f"{path} is not checked out at {commit} in {source.repository}"
            yield Line(part="submodule", fate=Fate.MISSING, says=says)
        else:
            yield Line(part="submodule", fate=Fate.SAME, says=f"{path} at {commit}")
    if source.has_lfs and not source.can_read_lfs:
        says = "files of Git LFS stay pointers: git-lfs is not set up here"
        yield Line(part="lfs", fate=Fate.MISSING, says=says)


def _blob(platform: Platform, record: RunRecord, name: str, tenant_id: TenantId) -> bytes:
    """A kept file, by the name that says what is in it.

    Raises:
        CodeUnavailable: It is not stored, or is not what its name says.
    """
    artifact = next((a for a in record.artifacts if a.name == name), None)
    if artifact is None:
        raise CodeUnavailable(f"{name} was never stored: its script ended before it was sent")
    if Path(name).stem != artifact.sha256 or artifact.size_bytes > _MOST_BLOB_BYTES:
        raise CodeUnavailable(f"{name} is not what its name says")
    variables = platform.credentials.for_attempt(tenant_id, ids.attempt_id(record.run.run_id, 1))
    url, token = variables.get(env.GATEWAY_URL), variables.get(env.RUN_TOKEN)
    if not url or not token:
        raise CodeUnavailable(f"{name} cannot be read: no gateway is known here")
    described = Description(name, artifact.type, artifact.sha256, artifact.size_bytes)
    with (
        contextlib.closing(Connection(url, token)) as connection,
        tempfile.TemporaryDirectory(prefix="sweepworks-") as folder,
    ):
        target = Path(folder) / "blob"
        try:
            download(connection, record.run.run_id, described, target, beat=no_beat)
        except (Refused, Unreachable) as exc:
            raise CodeUnavailable(f"{name} cannot be read: {exc}") from exc
        return target.read_bytes()
