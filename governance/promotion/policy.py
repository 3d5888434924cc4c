"""What a run has to show before it becomes a model in production. Pure.

A policy is a list of rules; the first one whose patterns fit a candidate's tenant and experiment
counts. `governance.promotion.file` reads it from its file.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from sweeps.datasets import DatasetReference
from sweeps.objectives import Direction
from sweeps.specs import Resources


class Gate(StrEnum):
    """A kind of gate, by the name of its asset check; in the order in which they are shown."""

    HOLDOUT = "holdout_is_unseen"
    MEASUREMENT = "measured_as_asked"
    THRESHOLDS = "metrics_reach_thresholds"
    PRODUCTION = "not_worse_than_production"
    TRAINING = "training_cost_within_ceiling"
    SERVING = "serving_within_ceilings"
    LINEAGE = "lineage_is_complete"
    REPRODUCIBLE = "run_is_reproducible"
    DATA = "data_checks_have_passed"
    APPROVALS = "approvals_are_given"


class Statistic(StrEnum):
    """What of the values of several seeds is held to a bound."""

    MEAN = "mean"
    WORST = "worst"  #: of all seeds
    CONFIDENCE = "confidence"  #: the bound of the mean that holds with that confidence, one-sided


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A bound of a metric."""

    metric: str
    bound: float
    direction: Direction  #: maximize: the bound is the least that will do; minimize: the most
    on: Statistic = Statistic.MEAN
    confidence: float = 0.95  #: of `Statistic.CONFIDENCE`


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How much worse than production a candidate may be, in a metric."""

    metric: str
    direction: Direction
    margin: float = 0.0  #: 0: not at all; below 0: it has to be better by as much
    is_relative: bool = False  #: the margin is a share of production's value
    on: Statistic = Statistic.MEAN
    confidence: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCeiling:
    """What the training of a candidate may have cost; None: whatever it was."""

    usd: Decimal | None = None
    gpu_hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproducible:
    """What is asked of a candidate's reproducibility."""

    rerun_within: float | None = None  #: some rerun's metrics are that near; None: none is needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """Whose word is needed."""

    count: int
    by: tuple[str, ...] = ()  #: who may give it; empty: everybody but the candidate's owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What is asked; what is empty or None is not."""

    thresholds: tuple[Threshold, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    training: TrainingCeiling | None = None
    serving: tuple[Threshold, ...] = ()
    lineage: bool = True
    reproducible: Reproducible | None = None
    data_checks: bool = True
    approvals: Approvals | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """How a candidate is measured."""

    command: tuple[str, ...]
    holdout: DatasetReference  #: a version, with its number
    seeds: tuple[int, ...]
    data: tuple[str, ...] = ()  #: other datasets that the command reads
    source: str | None = None  #: folder of the command's code; None: the candidate's, committed
    image: str | None = None
    resources: Resources = field(default_factory=Resources)
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout: dt.timedelta | None = None  #: of one run
    max_parallel: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What it takes to serve the model. Written down with each version, and read by pipelines."""

    image: str  #: with its digest
    inference: Mapping[str, Any]
    rollout: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRule:
    """What is asked of the candidates of some experiments."""

    tenant: str  #: a pattern, as of file names
    experiment: str  #: likewise
    model: str
    artifact: str  #: of the candidate: the model's file
    alias: str
    evaluation: EvaluationPlan
    gates: Gates
    deployment: Deployment
    document: Mapping[str, Any]  #: as its author wrote it

    def fits(self, *, tenant: str, experiment: str) -> bool:
        """Whether it is for candidates of that experiment."""
        return fnmatchcase(tenant, self.tenant) and fnmatchcase(experiment, self.experiment)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that a gate asks for, once, in the order of the file."""
        gates = self.gates
        asked: Sequence[Threshold | Comparison] = (
            *gates.thresholds,
            *gates.comparisons,
            *gates.serving,
        )
        return tuple(dict.fromkeys(one.metric for one in asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionPolicy:
    """Every rule, in the order in which they are tried."""

    rules: tuple[PromotionRule, ...] = ()

    def rule_for(self, *, tenant: str, experiment: str) -> PromotionRule | None:
        """The first rule that fits; None: nothing of that experiment is ever promoted."""
        return next(
            (rule for rule in self.rules if rule.fits(tenant=tenant, experiment=experiment)), None
        )
