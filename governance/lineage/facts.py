"""What is recorded of the things in a lineage, and how it is said. Pure."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sweeps.ids import RunId, SweepId, TenantId
from sweeps.lineage import Graph, Node, kind_of, name_of

_SHORT = 12  # digits of a digest that a person reads


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Where a run came from: what its code, environment, seeds and data are known to be."""

    tenant_id: TenantId
    run_id: RunId
    experiment: str
    sweep_id: SweepId | None
    state: str
    objective: float | None
    seed: int
    created_by: str
    created_at: dt.datetime
    ended_at: dt.datetime | None
    has_code: bool
    commit: str | None
    branch: str | None
    remote: str | None
    is_dirty: bool  #: the work tree differed from the commit; a patch is kept
    is_whole: bool  #: whether commit, patch and files make it again
    left_out: str | None  #: the first reason why not
    script: str | None
    is_notebook: bool
    has_software: bool
    python: str | None
    image: str | None
    has_seeds: bool  #: whether `seed_everything` was called
    has_data: bool  #: whether a version of a dataset, an artifact or a model went into it

    @property
    def has_mutable_image(self) -> bool:
        """Whether it ran in an image whose name may mean another one tomorrow."""
        return self.image is not None and "@sha256:" not in self.image


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFacts:
    """What an artifact is."""

    node: Node
    type: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """What a version of a dataset is."""

    node: Node
    variant: str
    content_hash: str  #: sha256 of its manifest
    row_count: int | None
    size_bytes: int


Facts = RunFacts | ArtifactFacts | DatasetFacts


def graph_document(graph: Graph, facts: Mapping[Node, Facts]) -> dict[str, object]:
    """A whole graph as JSON has it; distances are below zero for what the root came out of."""
    above = {node: -distance for node, distance in graph.ancestors.items()}
    distance = {**graph.descendants, **above, graph.root: 0}
    return {
        "node": graph.root,
        "nodes": [
            {
                "node": node,
                "kind": kind_of(node),
                "name": name_of(node),
                "distance": distance[node],
                "facts": facts.get(node),
            }
            for node in graph.nodes
        ],
        "edges": [[edge.upstream, edge.downstream] for edge in graph.edges],
        "is_cut": graph.is_cut,
    }


def words(facts: Facts | None) -> str:
    """What a line says beside a name."""
    match facts:
        case RunFacts():
            return ", ".join(_of_run(facts))
        case ArtifactFacts():
            return f"{facts.type}, {_size(facts.size_bytes)}, sha256 {facts.sha256[:_SHORT]}"
        case DatasetFacts():
            rows = "" if facts.row_count is None else f"{facts.row_count} rows, "
            return f"{facts.variant}, {rows}sha256 {facts.content_hash[:_SHORT]}"
        case None:
            return ""


def _of_run(run: RunFacts) -> Iterator[str]:
    yield run.state
    if not run.has_code:
        yield "no code recorded"
    else:
        commit = f"commit {run.commit[:_SHORT]}" if run.commit else "code in no commit"
        yield f"{commit} with changes" if run.is_dirty else commit
        if not run.is_whole:
            yield "not whole"
    if run.script:
        yield f"notebook {run.script}" if run.is_notebook else run.script
    if run.image:
        yield f"image {run.image}"
    yield f"seed {run.seed}" if run.has_seeds else f"seed {run.seed}, not set"


def _size(size_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} TB"
