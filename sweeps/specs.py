"""A sweep, as its author asked for it: frozen, typed, complete with every default filled in.

`sweeps.sweep_files` makes one from YAML; `as_document` writes one back, for the database.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sweeps.objectives import Objective
from sweeps.spaces import Categorical, Constant, Float, Int, Parameter, SearchSpace

SPEC_VERSION = 1  #: of the stored form; raised when a reader of the old form would be wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySpec:
    """How to search: the searcher proposes, the scheduler ends trials early."""

    name: str  #: ``bayes``, ``random`` or ``grid``
    initial_points: int = 8  #: `bayes`: random configurations before the surrogate is trusted
    points_per_parameter: int = 5  #: `grid`: values of a float or of a wide integer range


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one attempt asks for."""

    cpu: float = 1.0  #: cores
    memory_bytes: int = 0  #: 0: not asked for, not counted
    gpu: int = 0  #: whole devices


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """What one trial executes."""

    command: tuple[str, ...]  #: `{name}` stands for that parameter, `{{` for a brace
    resources: Resources = field(default_factory=Resources)
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


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
        "space": [{"name": name, **_parameter(p)} for name, p in spec.space.parameters.items()],
        "strategy": {
            "name": spec.strategy.name,
            "initial_points": spec.strategy.initial_points,
            "points_per_parameter": spec.strategy.points_per_parameter,
        },
        "limits": {
            "max_trials": limits.max_trials,
            "max_parallel": limits.max_parallel,
            "deadline": _seconds(limits.deadline),
            "trial_timeout": _seconds(limits.trial_timeout),
            "stalled_after": _seconds(limits.stalled_after),
            "max_failures": limits.max_failures,
            "max_attempts": limits.max_attempts,
        },
        "trial": {
            "command": list(spec.trial.command),
            "resources": {
                "cpu": spec.trial.resources.cpu,
                "memory": spec.trial.resources.memory_bytes,
                "gpu": spec.trial.resources.gpu,
            },
            "environment": dict(spec.trial.environment),
        },
        "seed": spec.seed,
    }


def _seconds(duration: dt.timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _parameter(parameter: Parameter) -> dict[str, Any]:
    match parameter:
        case Float():
            return {
                "type": "float", "low": parameter.low, "high": parameter.high, "log": parameter.log,
            }  # fmt: skip
        case Int():
            return {
                "type": "int", "low": parameter.low, "high": parameter.high, "log": parameter.log,
            }  # fmt: skip
        case Categorical():
            return {"type": "categorical", "choices": list(parameter.choices)}
        case Constant():
            return {"type": "constant", "value": parameter.value}
