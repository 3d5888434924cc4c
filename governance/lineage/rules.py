"""What has to be true of runs, their files and their lineage, as rules over facts. Pure.

Each finding names an object, says what is wrong with it, and how to mend it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from governance.lineage.facts import RunFacts
from sweeps.ids import RunId, SweepId, TenantId
from sweeps.lineage import Kind, Node, kind_of, name_of


class Check(StrEnum):
    """A rule, by the name of its asset check."""

    RUNS = "every_finished_run_is_captured"
    BLOBS = "every_artifact_has_its_bytes"
    EDGES = "no_edge_dangles"
    MODELS = "every_model_reaches_data_and_code"
    DIGESTS = "nothing_sealed_has_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is looked at; None: whatever it is."""

    tenant_id: TenantId | None = None
    sweep_id: SweepId | None = None
    since: dt.datetime | None = None  #: runs that ended, and edges that were made, from then on


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many of the stored files are read and hashed; the same seed takes the same ones."""

    files: int = 20
    seed: str = ""
    most_bytes: int = 10 * 2**30  #: files beyond that are left for another time


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong."""

    tenant_id: TenantId
    object: Node
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.object}: {self.problem}; {self.mend}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found."""

    check: Check
    looked_at: int  #: objects
    findings: Sequence[Finding]  #: the first ones
    n_findings: int
    hashed: int = 0  #: files that were read whole

    @property
    def has_passed(self) -> bool:
        """Whether nothing is wrong."""
        return self.n_findings == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobFacts:
    """Bytes that an artifact stands for, and what the store says of them."""

    tenant_id: TenantId
    sha256: str
    size_bytes: int
    example: Node  #: one of the artifacts
    is_verified: bool = False  #: were found right at least once
    stored_bytes: int | None = None  #: None: it is not there
    stored_sha256: str | None = None  #: None: it was not read


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeFacts:
    """An edge, and which of its ends is there."""

    tenant_id: TenantId
    upstream: Node
    downstream: Node
    has_upstream: bool
    has_downstream: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A version of a model, and what it came out of, directly or not."""

    tenant_id: TenantId
    model: Node
    datasets: int
    runs: int
    runs_without_code: Sequence[str]  #: some of them


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestFacts:
    """A sealed run whose digests were computed anew."""

    tenant_id: TenantId
    run_id: RunId
    is_there: bool
    changed: Sequence[str]  #: parts whose digest is another one than when the run was sealed


def of_run(run: RunFacts) -> list[Finding]:
    """What is missing for a finished run to be made again."""
    missing: list[tuple[str, str]] = []
    if not run.has_code:
        missing.append(
            (
                "nothing is recorded of its code",
                "call sweepworks.init() in its script, and leave SWEEPWORKS_PROVENANCE on",
            )
        )
    elif not run.is_whole:
        missing.append(
            (
                f"its code cannot be made again: {run.left_out or 'something is left out'}",
                "commit it before the next run",
            )
        )
    if not run.has_data:
        missing.append(
            ("no version of any data is recorded", "name it under `trial.data` in the sweep file")
        )
    if not run.has_software:
        missing.append(
            (
                "nothing is recorded of its environment",
                "call sweepworks.init() in its script, and let it end by itself",
            )
        )
    elif run.has_mutable_image:
        missing.append(
            (
                f"image {run.image} has no digest",
                "start it by NAME@sha256:…, and say so in SWEEPWORKS_IMAGE",
            )
        )
    if not run.has_seeds:
        missing.append(("its seeds were not set", "call run.seed_everything() below the imports"))
    node = Node(f"{Kind.RUN}:{run.run_id}")
    return [
        Finding(tenant_id=run.tenant_id, object=node, problem=problem, mend=mend)
        for problem, mend in missing
    ]


def of_blob(blob: BlobFacts) -> list[Finding]:
    """Whether an artifact's bytes are there, and are what they were."""
    digest = blob.sha256[:12]
    if blob.stored_bytes is None:
        problem = f"its bytes, sha256 {digest}, are not in the store"
        mend = (
            f"run `sweepworks data store {name_of(blob.example)}` where its files are"
            if kind_of(blob.example) == Kind.DATASET
            else "bring them back from a backup of the store; the run's other artifacts stand"
        )
    elif blob.stored_bytes != blob.size_bytes:
        problem = f"{blob.stored_bytes} bytes are stored, {blob.size_bytes} were"
        mend = f"replace sha256 {digest} in the store from a backup"
    elif blob.stored_sha256 is not None and blob.stored_sha256 != blob.sha256:
        problem = f"its bytes have sha256 {blob.stored_sha256[:12]}, not {digest} any more"
        mend = f"replace sha256 {digest} in the store from a backup, and look for a failing disk"
    else:
        return []
    return [Finding(tenant_id=blob.tenant_id, object=blob.example, problem=problem, mend=mend)]


def of_edge(edge: EdgeFacts) -> list[Finding]:
    """Whether both ends of an edge are there."""
    ends = [(edge.upstream, edge.has_upstream), (edge.downstream, edge.has_downstream)]
    return [
        Finding(
            tenant_id=edge.tenant_id,
            object=end,
            problem=f"the edge from {edge.upstream} to {edge.downstream} leads to it, and it is not there",
            mend=f"restore the {kind_of(end)} from a backup of the database",
        )
        for end, is_there in ends
        if not is_there
    ]


def of_model(model: ModelFacts) -> list[Finding]:
    """Whether a model's data and code are to be found."""
    problems: list[tuple[str, str]] = []
    if not model.runs:
        problems.append(
            ("it came out of no run", "register it from the artifact of the run that trained it")
        )
    if not model.datasets:
        problems.append(
            (
                "no version of a dataset went into it",
                "train it anew with its data named under `trial.data`",
            )
        )
    if model.runs_without_code:
        names = ", ".join(model.runs_without_code)
        problems.append(
            (
                f"nothing is recorded of the code of {names}",
                "train it anew with sweepworks.init() in the script",
            )
        )
    return [
        Finding(tenant_id=model.tenant_id, object=model.model, problem=problem, mend=mend)
        for problem, mend in problems
    ]


def of_digests(run: DigestFacts) -> list[Finding]:
    """Whether a sealed run is what it was."""
    node = Node(f"{Kind.RUN}:{run.run_id}")
    if not run.is_there:
        problem = "it was sealed, and is not in the database any more"
    elif run.changed:
        problem = f"it was sealed, and has changed since: {', '.join(run.changed)}"
    else:
        return []
    mend = "compare it with a backup of the database; somebody with rights of its owner went round the triggers"
    return [Finding(tenant_id=run.tenant_id, object=node, problem=problem, mend=mend)]


class LineageChecks(Protocol):
    """Looks at all there is, some pages at a time.

    Every method raises `StorageUnavailable` when the database or the artifact store does not answer.
    """

    def look(self, check: Check, scope: Scope, *, sample: Sample) -> CheckReport:
        """Collect the facts of one check, and judge them. `sample` is for `Check.BLOBS`."""
        ...

    def record_digests(self) -> int:
        """Write down digests of sealed runs that have none yet; returns of how many."""
        ...

    def finished(self, scope: Scope) -> Sequence[RunFacts]:
        """Where finished runs came from, by name."""
        ...
