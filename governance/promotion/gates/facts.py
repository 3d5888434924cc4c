"""What is known of a candidate when it is judged. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from governance.lineage.facts import RunFacts
from governance.lineage.rules import ModelFacts
from governance.promotion.holdout import Leaks
from sweeps.ids import RunId
from sweeps.reproduction import Verdict as Reproduction


class Subject(StrEnum):
    """Whose file a run of an evaluation has measured."""

    CANDIDATE = "candidate"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one run of the evaluation came to."""

    run_id: RunId
    subject: Subject
    seed: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredWith:
    """What one run of the evaluation measured with."""

    run_id: RunId
    data: Sequence[str]  #: versions of datasets that its script has asked for
    model: str  #: ``RUN/NAME``: what it was to measure, by its parameter
    files: Sequence[str]  #: artifacts that its script has asked for, likewise
    commit: str | None  #: that its script was of; None: it has not said
    is_dirty: bool  #: the code differed from the commit


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingCode:
    """Code of the evaluation's command, as it was when its sweep was submitted."""

    image: str | None  #: of its pods, if it has one of its own
    commit: str | None  #: None: in no repository
    differing: Sequence[str]  #: paths that are not as the commit has them


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCost:
    """What the attempts of the candidate cost."""

    usd: Decimal | None  #: None: some of it has no price, or nobody knows of it
    gpu_hours: float | None  #: None: nobody knows
    attempts: int
    source: str  #: where the figure is from


@dataclass(frozen=True, slots=True, kw_only=True)
class DataState:
    """What the last look at a version of a dataset found."""

    version: str
    has_passed: bool | None  #: None: nobody has looked
    must_be_checked: bool  #: something is expected of it that blocks
    failed: tuple[str, ...] = ()  #: expectations
    used_by: RunId | None = None  #: the candidate, or what it came out of; None: its evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunState:
    """A rerun of the candidate, and how near it came."""

    run_id: RunId
    verdict: Reproduction


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of a candidate when it is judged."""

    owners: frozenset[str]  #: who made the run, and whose experiment it is
    leaks: Leaks
    looked_at_runs: int  #: of the experiment, when its holdout was looked for
    is_look_cut: bool  #: more came out of the holdout than was read, so that nothing is proven
    measurements: Sequence[Measurement]
    measured_with: Sequence[MeasuredWith]
    code: JudgingCode
    is_in_pods: bool  #: trials run in a cluster, with the code of their image
    production: int | None  #: version that ran beside the candidate
    training: TrainingCost
    run: RunFacts
    model: ModelFacts  #: what the artifact came out of
    reruns: Sequence[RerunState]
    data: Sequence[DataState]
    approved_by: Sequence[str]
    production_now: int | None  #: version that the alias means now
