"""Runs as they are read back: lists, one run with all there is, curves."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.artifacts import Artifact
from sweeps.ids import RunId, SweepId
from sweeps.spaces import Configuration, Scalar
from sweeps.states import RunState
from sweeps.trials import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One line of a list of runs."""

    run_id: RunId
    experiment: str
    sweep_id: SweepId | None  #: None: a scratch run
    number: int | None  #: of the trial within its sweep
    seed: int
    created_by: str
    created_at: dt.datetime
    state: RunState
    reason: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    objective: float | None
    resource_level: int | None
    sealed_at: dt.datetime | None  #: from then on nothing about it changes but tags
    rerun_of: RunId | None = None  #: the run that it repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One line of a sweep's table."""

    run_id: RunId
    number: int
    state: RunState
    reason: str
    objective: float | None
    resource_level: int | None
    duration_seconds: float | None  #: until now while it runs; None before it starts
    configuration: Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """What became of one curve. Least and greatest are of finite numbers; None: there were none."""

    last: float  #: value of the newest point; of points of one moment, of the highest step
    step: int  #: its step
    min: float | None
    max: float | None
    at_best: float | None  #: what it was when the run's objective was best; None without one
    count: int


#: What a run was made of: documents by section, ``origin``, ``code``, ``software``,
#: ``hardware``, ``seeds``.
Provenance = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Everything about one run but its points."""

    run: Run
    params: Mapping[str, Scalar]
    tags: Mapping[str, str]
    summary: Mapping[str, SeriesSummary]
    notices: Mapping[str, str]  #: what of it was not stored, and why
    attempts: tuple[Attempt, ...]
    artifacts: tuple[Artifact, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run has ended, for a script that still writes to it."""

    state: str
    reason: str
    watermark: int  #: sequence of that writer's last flush that is stored; 0: none

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}" if self.reason else self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve of a run."""

    series_id: int
    key: str
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """One point of a curve."""

    step: int
    time: dt.datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchRun:
    """A run outside any sweep, about to be written down."""

    run_id: RunId
    experiment: str
    owner: str
    seed: int
    params: Configuration
    tags: Mapping[str, str]
    started_at: dt.datetime | None = None  #: None: now
    ended_at: dt.datetime | None = None  #: of one that is brought later; None: when it says so
    rerun_of: RunId | None = None  #: the run that it repeats
    is_queued: bool = False  #: it waits to be started; else its script runs already
