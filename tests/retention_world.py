"""Worlds for retention, written as rows and given as the columns that plans are made over."""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from retention.world import (
    KINDS,
    NONE,
    STATES,
    ArtifactKind,
    Artifacts,
    Bonds,
    Group,
    Hold,
    Int64s,
    Runs,
    SweepFacts,
    World,
)
from sweeps.states import RunState

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An artifact."""

    name: str
    kind: ArtifactKind = ArtifactKind.OTHER
    size: int = 100
    age_days: float = 1_000
    level: int = NONE
    value: float = math.nan
    blob: int | None = None  #: None: bytes of its own
    is_cold: bool = False
    is_serving: bool = False  #: an alias of a model means it
    is_data: bool = False  #: it is a file of a dataset, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run."""

    run_id: str
    sweep: str | None = None
    tenant: str = "default"
    experiment: str = "digits"
    state: RunState = RunState.COMPLETED
    age_days: float = 1_000  #: since its end
    is_sealed: bool = True
    objective: float = math.nan
    points: int = 10
    is_exported: bool = False
    tags: Sequence[str] = ()
    files: Sequence[File] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep; its experiment is that of its runs."""

    sweep_id: str
    tenant: str = "default"
    experiment: str = "digits"
    is_open: bool = False
    is_maximized: bool = False
    class_name: str | None = None
    warm_start: tuple[str, ...] = ()
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A world."""

    runs: Sequence[Row]
    sweeps: Sequence[Sweep] = ()
    experiment_tags: Mapping[Group, frozenset[str]] = field(
        default_factory=dict[Group, frozenset[str]]
    )
    holds: Sequence[Hold] = ()
    promoted: Sequence[str] = ()
    candidates: Sequence[str] = ()
    evaluated: Sequence[str] = ()
    reruns: Sequence[tuple[str, str]] = ()
    edges: Sequence[tuple[str, str, str]] = ()


def world_of(rows: Rows, *, now: dt.datetime = NOW) -> World:
    """The same in columns."""
    seconds = int(now.timestamp())
    runs = sorted(rows.runs, key=lambda run: run.run_id)
    groups = sorted(
        {(run.tenant, run.experiment) for run in runs}
        | {(sweep.tenant, sweep.experiment) for sweep in rows.sweeps}
    )
    sweep_ids = [sweep.sweep_id for sweep in rows.sweeps]
    files = [(place, file) for place, run in enumerate(runs) for file in run.files]
    is_over = [run.state.is_terminal for run in runs]
    ended = [
        seconds - int(run.age_days * DAY) if over else NONE
        for run, over in zip(runs, is_over, strict=True)
    ]
    blobs = [10_000 + i if f.blob is None else f.blob for i, (_, f) in enumerate(files)]

    def named(is_it: Callable[[File], bool]) -> Int64s:
        return np.array(
            [blob for blob, (_, file) in zip(blobs, files, strict=True) if is_it(file)], np.int64
        )

    return World(
        groups=[Group(*group) for group in groups],
        sweeps=[
            SweepFacts(
                sweep_id=sweep.sweep_id,
                group=groups.index((sweep.tenant, sweep.experiment)),
                class_name=sweep.class_name,
                metric="accuracy",
                is_maximized=sweep.is_maximized,
                is_open=sweep.is_open,
                warm_start=sweep.warm_start,
            )
            for sweep in rows.sweeps
        ],
        runs=Runs(
            run_ids=[run.run_id for run in runs],
            groups=np.array([groups.index((r.tenant, r.experiment)) for r in runs], np.int32),
            sweeps=np.array(
                [NONE if r.sweep is None else sweep_ids.index(r.sweep) for r in runs], np.int32
            ),
            states=np.array([STATES.index(run.state) for run in runs], np.int8),
            ended=np.array(ended, np.int64),
            is_sealed=np.array(
                [r.is_sealed and over for r, over in zip(runs, is_over, strict=True)], np.bool_
            ),
            objectives=np.array([run.objective for run in runs], np.float64),
            points=np.array([run.points for run in runs], np.int64),
            first_points=np.array(
                [
                    NONE if not run.points else seconds - int(run.age_days * DAY) - 3_600
                    for run in runs
                ],
                np.int64,
            ),
            last_points=np.array(
                [NONE if not run.points else seconds - int(run.age_days * DAY) for run in runs],
                np.int64,
            ),
            is_exported=np.array([run.is_exported for run in runs], np.bool_),
            is_marked=np.zeros(len(runs), np.bool_),
        ),
        artifacts=Artifacts(
            names=[file.name for _, file in files],
            runs=np.array([place for place, _ in files], np.int32),
            kinds=np.array([KINDS.index(file.kind) for _, file in files], np.int8),
            sizes=np.array([file.size for _, file in files], np.int64),
            created=np.array([seconds - int(f.age_days * DAY) for _, f in files], np.int64),
            levels=np.array([file.level for _, file in files], np.int64),
            values=np.array([file.value for _, file in files], np.float64),
            blobs=np.array(blobs, np.int64),
            is_marked=np.zeros(len(files), np.bool_),
        ),
        other_blobs=named(lambda file: file.is_data),
        cold_blobs=named(lambda file: file.is_cold),
        serving_blobs=named(lambda file: file.is_serving),
        bonds=Bonds(
            run_tags={run.run_id: frozenset(run.tags) for run in runs if run.tags},
            sweep_tags={one.sweep_id: frozenset(one.tags) for one in rows.sweeps if one.tags},
            experiment_tags=rows.experiment_tags,
            holds=rows.holds,
            promoted=rows.promoted,
            candidates=rows.candidates,
            evaluated=rows.evaluated,
            reruns=rows.reruns,
            edges=rows.edges,
        ),
    )


def checkpoint(level: int, *, value: float = math.nan, age_days: float = 1_000) -> File:
    """A checkpoint of that level."""
    return File(
        name=f"checkpoints/{level}/model.pt",
        kind=ArtifactKind.CHECKPOINT,
        level=level,
        value=value,
        age_days=age_days,
    )
