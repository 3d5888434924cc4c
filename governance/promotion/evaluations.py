"""Evaluations of candidates: what one is, how far it has come, and the sweep that measures it. Pure."""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from governance.promotion.gates.facts import Measurement, Subject
from governance.promotion.gates.results import GateResult
from governance.promotion.names import evaluation_experiment
from governance.promotion.policy import PromotionRule
from sweeps import ids
from sweeps.errors import PermanentError
from sweeps.ids import RunId, SweepId, TenantId
from sweeps.objectives import Direction, Objective
from sweeps.spaces import Categorical, Constant, Parameter, Scalar, SearchSpace
from sweeps.specs import Limits, SearcherSpec, StrategySpec, SweepSpec, TrialSpec

MODEL = "model"  #: parameter: the artifact that a run measures, as RUN/NAME
SEED = "evaluation_seed"  #: parameter: the seed that it measures with


class EvaluationState(StrEnum):
    """How far it has come. See the migration for who moves it."""

    REQUESTED = "requested"
    RUNNING = "running"
    WAITING = "waiting"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self not in {
            EvaluationState.REQUESTED,
            EvaluationState.RUNNING,
            EvaluationState.WAITING,
        }


class EvaluationNotFound(PermanentError):
    """Nobody has asked for it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"there is no evaluation of {what!r}; `sweepworks promote {what}` asks for one"
        )


class EvaluationRefused(PermanentError):
    """A candidate that may not be evaluated, with the reason."""


class TagTakenAway(PermanentError):
    """The run is no candidate any more, though its evaluation is open."""


class ProductionMoved(PermanentError):
    """What the candidate was compared with is not in production any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One look at a candidate."""

    evaluation_id: str
    tenant_id: TenantId
    run_id: RunId
    experiment: str
    number: int
    state: EvaluationState
    reason: str
    rule: Mapping[str, Any] | None  #: None: it has not begun
    policy_version: int | None
    model: str | None
    artifact: str | None
    sha256: str | None
    holdout: str | None  #: ``name@number``
    sweep_id: SweepId | None
    compared_with: int | None
    requested_by: str
    requested_at: dt.datetime
    began_at: dt.datetime | None
    judged_at: dt.datetime | None
    ended_at: dt.datetime | None
    claims: int
    claimed_at: dt.datetime | None  #: None: no Dagster run works on it, or is about to
    dagster_run_id: str | None

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing happens until a person does something."""
        is_waiting = self.state is EvaluationState.WAITING and self.claimed_at is None
        return self.state.has_ended or is_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's word."""

    approved_by: str
    comment: str
    approved_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """An evaluation with all there is about it."""

    evaluation: Evaluation
    gates: tuple[GateResult, ...]  #: of the newest judgement
    measurements: tuple[Measurement, ...]
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What is fixed when an evaluation begins."""

    rule: PromotionRule
    policy_version: int
    sha256: str
    dataset_id: int
    dataset_number: int
    compared_with: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The files that are measured: ``RUN/NAME``."""

    candidate: str
    production: str | None

    def of(self, model: object) -> Subject | None:
        """Whose that file is."""
        if model == self.candidate:
            return Subject.CANDIDATE
        return Subject.PRODUCTION if model == self.production else None


def evaluation_id(run_id: RunId, number: int) -> str:
    """Name of the `number`-th evaluation of a candidate."""
    return f"{run_id}-e{number}"


def evaluation_sweep_id(experiment: str, evaluation: str) -> SweepId:
    """Name of the sweep that an evaluation's runs are in: the same for the same evaluation."""
    entropy = hashlib.sha256(evaluation.encode()).digest()[:5]
    return ids.sweep_id(evaluation_experiment(experiment), entropy=entropy)


def evaluation_sweep(
    rule: PromotionRule,
    *,
    tenant: str,
    experiment: str,
    owner: str,
    subjects: Subjects,
    image: str | None,
) -> SweepSpec:
    """The sweep that measures a candidate: a grid of files and seeds.

    Args:
        image: Of the candidate's own trials; the rule's own one comes first.
    """
    plan = rule.evaluation
    files = (subjects.candidate, *((subjects.production,) if subjects.production else ()))
    holdout = str(plan.holdout)  # with no other version of it among the data: the parser refuses
    data = plan.data if holdout in plan.data else (holdout, *plan.data)
    metric, direction = _objective(rule)
    n_runs = len(files) * len(plan.seeds)
    return SweepSpec(
        experiment=evaluation_experiment(experiment),
        tenant=tenant,
        owner=owner,
        purpose=f"Whether {subjects.candidate} may become {rule.alias} of {rule.model}, "
        f"measured on {plan.holdout}.",
        objective=Objective(metric=metric, direction=direction),
        space=SearchSpace(parameters={MODEL: _choice(files), SEED: _choice(plan.seeds)}),
        limits=Limits(
            max_trials=n_runs,
            max_parallel=min(plan.max_parallel, n_runs),
            trial_timeout=plan.timeout,
            max_failures=n_runs + 1,  # every run is wanted, whatever became of the others
        ),
        trial=TrialSpec(
            command=plan.command,
            resources=plan.resources,
            environment=plan.environment,
            data=data,
            image=plan.image or image,
        ),
        strategy=StrategySpec(name="grid", searcher=SearcherSpec(name="grid")),
    )


def _objective(rule: PromotionRule) -> tuple[str, Direction]:
    gates = rule.gates
    for asked in (*gates.thresholds, *gates.comparisons, *gates.serving):
        return asked.metric, asked.direction
    raise ValueError("a rule without metrics")  # the parser refuses one


def _choice(values: Sequence[Scalar]) -> Parameter:
    return Constant(value=values[0]) if len(values) == 1 else Categorical(choices=tuple(values))


class EvaluationLog(Protocol):
    """Evaluations as they are asked for, and who works on them.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def request_tagged(self, *, limit: int = 50) -> Sequence[str]:
        """Ask for one of every run with the tag that had none; names of the new ones."""
        ...

    def withdraw_untagged(self) -> Sequence[str]:
        """End what is open of runs that have lost the tag."""
        ...

    def due(
        self,
        *,
        tenant_id: TenantId | None = None,
        evaluation_id: str | None = None,
        limit: int = 20,
    ) -> Sequence[str]:
        """What somebody has to work on, and nobody has claimed."""
        ...

    def claim(self, evaluation_id: str) -> str | None:
        """Take one in order to start a Dagster run; None when somebody was faster."""
        ...

    def reclaim(self, evaluation_id: str, *, dagster_run_id: str) -> str | None:
        """Take one over from a Dagster run that has failed; not for ever."""
        ...

    def rejections(self, *, since: dt.datetime, limit: int) -> Sequence[EvaluationRecord]:
        """What people have rejected since, oldest first."""
        ...

    def get(self, evaluation_id: str) -> Evaluation:
        """One evaluation. `EvaluationNotFound`."""
        ...


class CandidateEvaluations(Protocol):
    """Takes an evaluation through its steps. Each may run twice, and finds in the rows what is done.

    Every method raises `StorageUnavailable` when the database does not answer, and
    `EvaluationNotFound`.
    """

    def attach(self, evaluation_id: str, *, dagster_run_id: str) -> Evaluation:
        """Note which Dagster run works on it."""
        ...

    def begin(self, evaluation_id: str) -> Evaluation:
        """Check the candidate and the holdout, fix what is asked, submit the sweep that measures.

        The state says what became of it: running, or refused with the reason.
        """
        ...

    def look(self, evaluation_id: str) -> Evaluation:
        """How far it is; keeps the sweep going, and ends both when one of them has lost its sense."""
        ...

    def is_measured(self, evaluation: Evaluation) -> bool:
        """Whether all its runs are over, or none will ever be."""
        ...

    def cancel(self, evaluation_id: str, *, reason: str, dagster_run_id: str) -> None:
        """End its runs, and it: a person has terminated that Dagster run, and no other has it."""
        ...

    def measured(self, evaluation_id: str) -> EvaluationRecord:
        """Write down what its runs came to, once they have ended."""
        ...

    def judge(self, evaluation_id: str) -> EvaluationRecord:
        """Collect the facts and judge them; written down."""
        ...

    def promote(self, evaluation_id: str) -> int | None:
        """Register a version and move the alias, if every gate has passed: its number."""
        ...
