"""What a run was made of, found again: everything that a rerun needs, and what cannot be had."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweepworks.provenance.hardware import hardware

from compute.code_tree import Code
from orchestration.platform import Platform
from orchestration.reruns.code import code_of
from orchestration.reruns.data import datasets_of
from orchestration.reruns.software import Software, software_of
from sweeps import recorded, reruns
from sweeps.ids import RunId, TenantId
from sweeps.rerun_demand import RerunDemand, demand_of_trial
from sweeps.reruns import Dataset, Fate, Here, Line
from sweeps.runs import RunRecord
from sweeps.specs import Resources
from sweeps.trials import SweepSnapshot, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A run that can be made again, as far as `lines` say."""

    record: RunRecord
    tenant_id: TenantId
    lines: tuple[Line, ...]
    code: Code
    roots: tuple[str, ...]  #: where its work tree was; of reruns of reruns the first one's, too
    software: Software
    trial: tuple[SweepSnapshot, Trial] | None  #: None: a run outside sweeps
    source_folder: str | None  #: of a trial: its sweep file's, within the work tree
    datasets: Sequence[Dataset]

    @property
    def missing(self) -> list[Line]:
        """What it would not be the same run without."""
        return [line for line in self.lines if line.fate is Fate.MISSING]

    def demand(self, *, by: str) -> RerunDemand:
        """What it asks for when somebody makes it again.

        A run outside sweeps has asked for nothing: it gets a core, as a trial that does not say, and as
        many GPUs as it had, or none where there are fewer.
        """
        run = self.record.run
        if self.trial is not None:
            return demand_of_trial(
                self.trial[0].sweep.spec,
                repeats=run.run_id,
                tenant_id=self.tenant_id,
                owner=by,
                is_in_cluster=False,
            )
        has_fewer = any(line.part == "gpus" and line.fate is Fate.MISSING for line in self.lines)
        had = recorded.items(self.record.provenance.get("hardware") or {}, "gpus")
        return RerunDemand(
            repeats=run.run_id,
            tenant_id=self.tenant_id,
            experiment=run.experiment,
            owner=by,
            resources=Resources(gpu=0 if has_fewer else len(had)),
        )

    @property
    def made_of(self) -> Mapping[str, Any]:
        """The code's section."""
        return self.record.provenance.get("code") or {}

    @property
    def ran_with(self) -> Mapping[str, Any]:
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
    roots = tuple(filter(None, (recorded.text(c, "root") for c in (code, first_code))))
    near = [*repositories, *_near([code, first_code], trial)]
    found = code_of(platform, record, tenant_id, near, lines)
    source_folder = _source_folder(first_code, trial, lines)
    if trial is None:
        lines += reruns.command_lines(code)
    else:
        words = trial[0].sweep.spec.trial.command
        lines += reruns.trial_command_lines(words, roots, is_here=lambda path: Path(path).exists())
    section = record.provenance.get("software") or {}
    software = software_of(platform.settings.home, section, roots)
    lines += software.lines
    here = Here(
        gpus=[str(gpu.get("model") or "?") for gpu in hardware()["gpus"]],
        image=platform.settings.image,
    )
    lines += reruns.image_lines(section, here)
    lines += reruns.environment_lines(section)
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
        roots=roots,
        software=software,
        trial=trial,
        source_folder=source_folder,
        datasets=datasets,
    )


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
