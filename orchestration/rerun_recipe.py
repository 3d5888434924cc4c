"""What a run was made of, found again: everything that a rerun needs, and what cannot be had."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweepworks import environment as env
from sweepworks.artifacts import Description, Refused, no_beat
from sweepworks.connection import Connection, Unreachable
from sweepworks.downloading import download
from sweepworks.provenance.hardware import hardware

from compute.archives import leaving_links
from compute.code_source import CodeSource, CodeUnavailable, find_code
from compute.code_tree import Code
from compute.interpreter import Interpreter, is_trusted, look_at
from compute.locked_environment import LockedEnvironments
from orchestration.platform import Platform
from orchestration.rerun_data import datasets_of
from orchestration.settings import inherited_environment
from sweeps import ids, recorded, reruns
from sweeps.errors import PermanentError
from sweeps.ids import RunId, TenantId
from sweeps.relocation import names_python
from sweeps.reruns import Dataset, Fate, Here, Line
from sweeps.runs import RunRecord
from sweeps.trials import SweepSnapshot, Trial

_MOST_BLOB_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A run that can be made again, as far as `lines` say."""

    record: RunRecord
    tenant_id: TenantId
    lines: tuple[Line, ...]
    code: Code
    interpreter: Interpreter
    pins: Mapping[str, str] | None  #: None: the interpreter will do as it is
    python: str
    trial: tuple[SweepSnapshot, Trial] | None  #: None: a run outside sweeps
    source_folder: str | None  #: of a trial: its sweep file's, within the work tree
    datasets: Sequence[Dataset]

    @property
    def missing(self) -> list[Line]:
        """What it would not be the same run without."""
        return [line for line in self.lines if line.fate is Fate.MISSING]

    @property
    def made_of(self) -> Mapping[str, Any]:
        """The code's section."""
        return self.record.provenance.get("code") or {}

    @property
    def software(self) -> Mapping[str, Any]:
        """The software's section."""
        return self.record.provenance.get("software") or {}


def recipe(
    platform: Platform, run_id: RunId, *, tenant_id: TenantId, repositories: Sequence[Path]
) -> Recipe:
    """Find all that the run was made of. Runs and installs nothing; may fetch a commit.

    Args:
        repositories: Where to look for its commit first.

    Raises:
        RunNotFound: There is none of that name for the tenant.
    """
    record = platform.runs.get(run_id, tenant_id=tenant_id)
    lines = list(reruns.capture_lines(record.provenance))
    code = record.provenance.get("code") or {}
    # A rerun is made again by the command of what it repeats, from its own code.
    first = _first(platform, record, tenant_id)
    trial = _trial(platform, first)
    if not record.run.state.is_terminal:
        says = "it has not ended: what it is made of may not all be here yet"
        lines.append(Line(part="run", fate=Fate.OTHER, says=says))
    first_code = first.provenance.get("code") or {}
    near = [*repositories, *_near([code, first_code], trial)]
    found = _code(platform, record, tenant_id, near, lines)
    source_folder = _source_folder(first_code, trial, lines)
    if trial is None:
        lines += reruns.command_lines(code)
    else:
        command = " ".join(trial[0].sweep.spec.trial.command)
        lines.append(_command_line(trial[0].sweep.spec.trial.command, command))
    software = record.provenance.get("software") or {}
    interpreter = _interpreter(software)
    own_code = {
        name
        for name, folder in interpreter.editable.items()
        if any(folder.is_relative_to(root) for root in near if str(root) != "/")
    }
    here = _here(platform, interpreter, own_code, software)
    pins: Mapping[str, str] | None = None
    trouble = ""
    if software and reruns.needs_environment(software, here):
        pins = {n: v for n, v in reruns.pins(software).items() if n not in own_code}
        trouble = environments(platform).trouble(str(software.get("python")), pins)
    if software:
        lines += reruns.software_lines(software, here, trouble=trouble)
        lines += reruns.environment_lines(software)
    if "hardware" in record.provenance:
        lines += reruns.hardware_lines(record.provenance["hardware"], here)
    datasets = datasets_of(platform.datasets, run_id, tenant_id=tenant_id)
    lines += reruns.data_lines(datasets)
    n = len(record.params)
    lines.append(Line(part="params", fate=Fate.SAME, says=f"{n}, and the seed {record.run.seed}"))
    return Recipe(
        record=record,
        tenant_id=tenant_id,
        lines=tuple(lines),
        code=found,
        interpreter=interpreter,
        pins=None if trouble else pins,
        python=str(software.get("python")),
        trial=trial,
        source_folder=source_folder,
        datasets=datasets,
    )


def _command_line(words: Sequence[str], command: str) -> Line:
    """Of a trial. Programs by their paths may be another version than they were."""
    program = words[0]
    if names_python(program):
        says = f"{command[:300]}, by the interpreter that is chosen here"
        return Line(part="command", fate=Fate.SAME, says=says)
    if program.startswith("/") and not Path(program).exists():
        return Line(part="command", fate=Fate.MISSING, says=f"{program} is not here")
    fate = Fate.OTHER if program.startswith("/") else Fate.SAME
    return Line(part="command", fate=fate, says=command[:300])


def environments(platform: Platform) -> LockedEnvironments:
    """Virtual environments of this home's reruns."""
    folder = platform.settings.home.reruns / "environments"
    return LockedEnvironments(folder, inherited_environment())


def _first(platform: Platform, record: RunRecord, tenant_id: TenantId) -> RunRecord:
    """What a rerun of reruns repeats after all; a run is made after what it repeats: no circles."""
    while record.run.rerun_of is not None:
        record = platform.runs.get(record.run.rerun_of, tenant_id=tenant_id)
    return record


def _trial(platform: Platform, record: RunRecord) -> tuple[SweepSnapshot, Trial] | None:
    if record.run.sweep_id is None:
        return None
    snapshot = platform.trial_store.load(record.run.sweep_id)
    return snapshot, next(t for t in snapshot.trials if t.run_id == record.run.run_id)


def _near(
    codes: Sequence[Mapping[str, Any]], trial: tuple[SweepSnapshot, Trial] | None
) -> Iterator[Path]:
    for code in codes:
        if root := recorded.text(code, "root"):
            yield Path(root)
    if trial is not None and trial[0].sweep.source_dir:
        yield Path(trial[0].sweep.source_dir)
    with contextlib.suppress(OSError):
        yield Path.cwd()


def _code(
    platform: Platform,
    record: RunRecord,
    tenant_id: TenantId,
    near: Sequence[Path],
    lines: list[Line],
) -> Code:
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


def _source_folder(
    code: Mapping[str, Any], trial: tuple[SweepSnapshot, Trial] | None, lines: list[Line]
) -> str | None:
    """Where in the work tree the trial's command starts."""
    if trial is None or not code:
        return None
    source_dir, root = Path(trial[0].sweep.source_dir), recorded.text(code, "root")
    if root is None or not source_dir.is_relative_to(root):
        says = f"where {source_dir} was in the work tree is not recorded"
        lines.append(Line(part="code", fate=Fate.MISSING, says=says))
        return None
    return str(source_dir.relative_to(root))


def _interpreter(software: Mapping[str, Any]) -> Interpreter:
    """The one that ran it, if it is as it was; else the one of this command."""
    present = look_at(Path(sys.executable))
    if present is None:
        raise CodeUnavailable(f"{sys.executable} does not say what it has installed")
    executable = Path(recorded.text(software, "executable") or "")
    is_other = executable.is_absolute() and executable != present.executable
    if is_other and executable.is_file() and is_trusted(executable):
        theirs = look_at(executable)
        packages = recorded.texts(software, "packages")
        if (
            theirs is not None
            and theirs.python == software.get("python")
            and not reruns.changed_packages(packages, theirs.packages)
        ):
            return theirs
    return present


def _here(
    platform: Platform, interpreter: Interpreter, own_code: set[str], software: Mapping[str, Any]
) -> Here:
    machine = hardware()
    # Packages of the work tree itself are as recorded: they come from there.
    packages = recorded.texts(software, "packages")
    own = {name: packages[name] for name in own_code if name in packages}
    return Here(
        python=interpreter.python,
        packages={**interpreter.packages, **own},
        gpus=[str(gpu.get("model") or "?") for gpu in machine["gpus"]],
        image=platform.settings.image,
        system=str(machine["machine"]),
    )
