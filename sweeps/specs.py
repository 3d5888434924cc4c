"""A sweep, as its author asked for it: frozen, typed, complete with every default filled in.

`sweeps.sweep_files` makes one from YAML; `as_document` writes one back, for the database.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from sweeps.ids import SweepId
from sweeps.objectives import Objective
from sweeps.spaces import (
    Categorical,
    Configuration,
    Constant,
    Float,
    Int,
    LogNormal,
    Normal,
    Ordinal,
    Parameter,
    Prior,
    SearchSpace,
)
from sweeps.tags import Tag
from sweeps.waits import Awaited

SPEC_VERSION = 1  #: of the stored form; raised when a reader of the old form would be wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class SearcherSpec:
    """How configurations are proposed."""

    name: str = "random"  #: ``bayes``, ``random``, ``grid``, ``sobol``, ``lhs`` or ``optuna``
    initial_points: int = 8  #: `bayes`: configurations before the surrogate is trusted
    points_per_parameter: int = 5  #: `grid`: values of a float or of a wide integer range
    sampler: str = "tpe"  #: `optuna`: which of its samplers


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerSpec:
    """Who goes on, and how far."""

    name: str = "none"  #: ``none``, ``asha``, ``hyperband`` or ``median_stopping``
    variant: str = "stopping"  #: `asha`: ``stopping`` or ``promotion``
    reduction_factor: int = 3  #: of trials from rung to rung (eta in the papers)
    min_resource: int = 1  #: resource level of the lowest rung (r)
    max_resource: int | None = None  #: resource level at which a trial is complete (R)
    grace: int = 0  #: resource levels within which nobody is judged
    brackets: int = 1  #: `asha`: ladders of rungs, each beginning one rung higher
    min_trials: int = 5  #: `median_stopping`: results before anybody is judged


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySpec:
    """How to search: the searcher proposes, the scheduler ends trials early."""

    name: str  #: as the author called it; searcher and scheduler follow from it
    searcher: SearcherSpec = field(default_factory=SearcherSpec)
    scheduler: SchedulerSpec = field(default_factory=SchedulerSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to stop, and how much at once."""

    max_trials: int
    max_parallel: int = 1
    deadline: dt.timedelta | None = None  #: of the whole sweep, counted from its start
    trial_timeout: dt.timedelta | None = None  #: of one attempt
    stalled_after: dt.timedelta | None = None  #: silence after which an attempt is killed
    max_failures: int = 3  #: first trials that may all die of the same error
    max_attempts: int = 3  #: executions of one trial when the machine is to blame
    max_preemptions: int = 20  #: more that it may lose to places being taken back
    max_cost_usd: Decimal | None = None  #: of all trials together; see `governance.budgets.budget`
    max_gpu_hours: float | None = None  #: likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one attempt asks for."""

    cpu: float = 1.0  #: cores
    memory_bytes: int = 0  #: 0: not asked for, not counted
    gpu: int = 0  #: whole devices
    gpu_type: str = ""  #: of the devices, such as ``a100``; empty: any


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSpec:
    """Where the metrics of a script are found that does not report them itself."""

    file: str | None = None  #: in the working directory of the trial
    tensorboard: str | None = None  #: folder of event files there; with neither: its stdout
    #: A regular expression with the groups name and value, or one for each metric.
    pattern: str | Mapping[str, str] | None = None
    format: str | None = None  #: ``jsonl``; one of both is given, or event files
    step: str = "step"  #: metric that is the step of the others, and the resource level

    def as_document(self) -> dict[str, Any]:
        """As it is written in a sweep file, and given to the trial's reader."""
        source: dict[str, str] | str = "stdout"
        if self.tensorboard is not None:
            source = {"tensorboard": self.tensorboard}
        elif self.file is not None:
            source = {"file": self.file}
        return {
            "source": source,
            "pattern": self.pattern
            if self.pattern is None or isinstance(self.pattern, str)
            else dict(self.pattern),
            "format": self.format,
            "step": self.step,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount:
    """A volume claim of the namespace, and where it is in the container."""

    claim: str
    path: str
    is_read_only: bool = False

    def __str__(self) -> str:
        """As it is written: ``claim:/path:ro``."""
        return f"{self.claim}:{self.path}{':ro' if self.is_read_only else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodOptions:
    """What the pods of a trial ask of a cluster, beyond its resources and image."""

    nodes: int = 1  #: pods of one attempt, each with the trial's resources; the first one reports
    gpu_resource: str | None = None  #: None: as the place is set
    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    tolerations: tuple[Mapping[str, Any], ...] = ()  #: as Kubernetes has them
    priority_class: str | None = None
    shm_bytes: int = 0  #: 0: what the node gives
    volumes: tuple[VolumeMount, ...] = ()
    secrets: tuple[str, ...] = ()  #: whose keys become variables
    config_maps: tuple[str, ...] = ()
    #: Over the manifest, by the names that dagster-k8s/config has for its parts.
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def as_document(self) -> dict[str, Any]:
        """As it is written in a sweep file."""
        return {
            "nodes": self.nodes,
            "gpu_resource": self.gpu_resource,
            "node_selector": dict(self.node_selector),
            "tolerations": list(self.tolerations),
            "priority_class": self.priority_class,
            "shm": self.shm_bytes,
            "volumes": [str(volume) for volume in self.volumes],
            "secrets": list(self.secrets),
            "config_maps": list(self.config_maps),
            **self.overrides,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """What one trial executes."""

    command: tuple[str, ...]  #: `{name}` stands for that parameter, `{{` for a brace
    resources: Resources = field(default_factory=Resources)
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: MetricsSpec | None = None  #: None: the script reports by itself
    #: Datasets as the author named them: `name` or `name@latest` is the newest version when the
    #: sweep is submitted, and is pinned then.
    data: tuple[str, ...] = ()
    image: str | None = None  #: container image, on a cluster; None: the place's own
    pods: PodOptions = field(default_factory=PodOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceSpec:
    """What is asked of the code that a sweep runs."""

    require_clean: bool = False  #: refuse what no commit has as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSpec:
    """One search: question, space, objective, strategy, limits, and what a trial runs."""

    experiment: str
    owner: str
    purpose: str
    objective: Objective
    space: SearchSpace
    limits: Limits
    trial: TrialSpec
    strategy: StrategySpec
    tenant: str = "default"
    expected_outcome: str | None = None
    seed: int = 0
    warm_start: tuple[SweepId, ...] = ()  #: earlier sweeps of the experiment to learn from
    after: tuple[Awaited, ...] = ()  #: sweeps that have to end before this one starts
    initial_configurations: tuple[Configuration, ...] = ()
    #: tried first; what one leaves out is drawn
    provenance: ProvenanceSpec = field(default_factory=ProvenanceSpec)
    tags: tuple[Tag, ...] = ()  #: that the sweep begins with
    links: tuple[str, ...] = ()  #: task ids and addresses that it begins with
    #: Class of its trials; None: the usual one. See `governance.quotas.quota`.
    priority: str | None = None
    retention: str | None = None  #: class of the retention policy; None: the policy says which

    def digest(self) -> str:
        """sha256 of the stored form: equal for equal specs, wherever they came from."""
        canonical = json.dumps(as_document(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def as_document(spec: SweepSpec) -> dict[str, Any]:
    """`spec` as JSON with every default written out; `sweep_files.parse_document` reads it back."""
    limits = spec.limits
    return {
        "version": SPEC_VERSION,
        "experiment": spec.experiment,
        "tenant": spec.tenant,
        "owner": spec.owner,
        "purpose": spec.purpose,
        "expected_outcome": spec.expected_outcome,
        "objective": {
            "metric": spec.objective.metric,
            "direction": spec.objective.direction.value,
        },
        # A list: the database does not keep the order of keys, and searchers go by it.
        "space": [
            {"name": name, **_parameter(parameter), "when": _when(spec.space, name)}
            for name, parameter in spec.space.parameters.items()
        ],
        "constraints": [constraint.text for constraint in spec.space.constraints],
        "initial_configurations": [dict(given) for given in spec.initial_configurations],
        "warm_start": list(spec.warm_start),
        "after": [awaited.as_document() for awaited in spec.after],
        "strategy": asdict(spec.strategy),
        "limits": {
            "max_trials": limits.max_trials,
            "max_parallel": limits.max_parallel,
            "deadline": _seconds(limits.deadline),
            "trial_timeout": _seconds(limits.trial_timeout),
            "stalled_after": _seconds(limits.stalled_after),
            "max_failures": limits.max_failures,
            "max_attempts": limits.max_attempts,
            "max_preemptions": limits.max_preemptions,
            "max_cost_usd": None if limits.max_cost_usd is None else float(limits.max_cost_usd),
            "max_gpu_hours": limits.max_gpu_hours,
        },
        "trial": {
            "command": list(spec.trial.command),
            "resources": {
                "cpu": spec.trial.resources.cpu,
                "memory": spec.trial.resources.memory_bytes,
                "gpu": spec.trial.resources.gpu,
                "gpu_type": spec.trial.resources.gpu_type or None,
            },
            "environment": dict(spec.trial.environment),
            "metrics": spec.trial.metrics and spec.trial.metrics.as_document(),
            "data": list(spec.trial.data),
            "image": spec.trial.image,
            "kubernetes": spec.trial.pods.as_document(),
        },
        "seed": spec.seed,
        "provenance": asdict(spec.provenance),
        "tags": [str(tag) for tag in spec.tags],
        "links": list(spec.links),
        "priority": spec.priority,
        "retention": spec.retention,
    }


def _seconds(duration: dt.timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _when(space: SearchSpace, name: str) -> dict[str, Any]:
    return {parent: list(values) for parent, values in space.conditions.get(name, {}).items()}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    match parameter:
        case Float() | Int():
            return {
                "type": "float" if isinstance(parameter, Float) else "int",
                "low": parameter.low,
                "high": parameter.high,
                "log": parameter.log,
                "step": parameter.step,
                "prior": _prior(parameter.prior),
            }
        case Categorical():
            return {"type": "categorical", "choices": list(parameter.choices)}
        case Ordinal():
            return {"type": "ordinal", "choices": list(parameter.choices)}
        case Constant():
            return {"type": "constant", "value": parameter.value}


def _prior(prior: Prior | None) -> dict[str, Any] | None:
    match prior:
        case Normal():
            return {"type": "normal", "mean": prior.mean, "std": prior.std}
        case LogNormal():
            return {"type": "lognormal", "mean": prior.mean, "std": prior.std}
        case None:
            return None
