"""What is kept for how long: classes, who gets which, and how much may be there at all. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from sweeps.blobs import StorageClass
from sweeps.errors import Problem

NEVER: None = None  #: in place of a length of time: it stays


class Approval(StrEnum):
    """What becomes of the plan that the weekly schedule makes."""

    AUTOMATIC = "automatic"  #: it is applied at once
    APPROVE = "approve"  #: it waits for `sweepworks retention apply`


class Export(StrEnum):
    """Whose points become a file, in full, before they are dropped."""

    KEPT = "kept"  #: of runs that no rule may touch, and of the best of each sweep
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRules:
    """Which checkpoints of a run stay, and for how long after the run has ended."""

    thin_after: dt.timedelta | None = dt.timedelta(days=7)
    #: from then on only the best and the latest of each trial are there
    best_of_trial: int = 1  #: by what was reported at their level
    latest_of_trial: int = 1
    expire_after: dt.timedelta | None = dt.timedelta(days=90)  #: from then on none is
    best_of_sweep: int = 3  #: trials of a sweep, best first, that no rule but thinning touches


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRules:
    """When all that a run has stored goes. Its record stays: parameters, results, where it came from."""

    scratch_after: dt.timedelta | None = dt.timedelta(days=60)  #: outside sweeps, or a test run
    failed_after: dt.timedelta | None = dt.timedelta(days=60)  #: failed or cancelled
    below_baseline_after: dt.timedelta | None = dt.timedelta(days=90)
    unpromoted_after: dt.timedelta | None = NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRules:
    """For how long points are kept after their run has ended, from fine to coarse."""

    raw: dt.timedelta = dt.timedelta(days=90)
    minutes: dt.timedelta | None = dt.timedelta(days=2 * 365)
    hours: dt.timedelta | None = NEVER
    export: Export = Export.KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClass:
    """Rules under a name.

    Attributes:
        cold_after: From then on, since its run's end, what is kept is in `cold_class`.
    """

    name: str
    checkpoints: CheckpointRules = CheckpointRules()
    logs_after: dt.timedelta | None = dt.timedelta(days=90)
    runs: RunRules = RunRules()
    metrics: MetricRules = MetricRules()
    cold_after: dt.timedelta | None = NEVER
    cold_class: StorageClass | None = None  #: None: the policy's


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Tenants and experiments by pattern: ``*`` stands for anything."""

    tenant: str = "*"
    experiment: str = "*"

    def covers(self, *, tenant: str, experiment: str) -> bool:
        """Whether an experiment is meant."""
        return self.covers_tenant(tenant) and fnmatchcase(experiment, self.experiment)

    def covers_tenant(self, tenant: str) -> bool:
        """Whether experiments of a tenant may be meant."""
        return fnmatchcase(tenant, self.tenant)

    def __str__(self) -> str:
        return f"{self.tenant}/{self.experiment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Who gets a class."""

    scope: Scope
    class_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteBudget:
    """How many bytes the artifacts of a scope may take; equal bytes of a tenant count once."""

    scope: Scope
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """All of it.

    Attributes:
        min_age: Of a run since its end, and of an artifact: what is younger is in no plan.
        grace: Between the day that something is marked and the day that it goes.
        system_metrics: For how long what is measured beside the training is kept after a run was
            sealed, whatever keeps the run. Who looks for a slow disk or an idle GPU does so within
            days.
        cold_class: Where classes that name none themselves put what is cold.
    """

    apply: Approval = Approval.APPROVE
    min_age: dt.timedelta = dt.timedelta(days=3)
    grace: dt.timedelta = dt.timedelta(days=7)
    system_metrics: dt.timedelta | None = dt.timedelta(days=30)
    classes: Mapping[str, RetentionClass]
    default_class: str
    assignments: Sequence[Assignment] = ()
    budgets: Sequence[ByteBudget] = ()
    cold_class: StorageClass | None = None

    @property
    def moves_bytes(self) -> bool:
        """Whether any class has bytes go cold."""
        return any(one.cold_after is not None for one in self.classes.values())

    def cold_class_of(self, one: RetentionClass) -> StorageClass | None:
        """Where bytes of a class go; None: nowhere."""
        return None if one.cold_after is None else one.cold_class or self.cold_class

    def class_problem(self, name: str | None, *, line: int | None = None) -> Problem | None:
        """What is wrong with a sweep file's `retention:`; None: nothing, or it has none.

        Args:
            line: Of that key, from 1, where there is a file.
        """
        if name is None or name in self.classes:
            return None
        return Problem(
            path="retention",
            message=f"{name!r} is none of the classes of the policy",
            hint=f"write one of {', '.join(self.classes)}, or leave it out",
            line=line,
        )

    def class_of(self, *, tenant: str, experiment: str, chosen: str | None) -> RetentionClass:
        """The rules for a sweep's runs.

        Args:
            chosen: By the sweep file's `retention:`. A class that is no longer in the policy is
                as if nobody had chosen.
        """
        if chosen is not None and chosen in self.classes:
            return self.classes[chosen]
        for one in self.assignments:
            if one.scope.covers(tenant=tenant, experiment=experiment):
                return self.classes[one.class_name]
        return self.classes[self.default_class]

    def classes_of(self, tenant: str) -> list[tuple[str, RetentionClass]]:
        """Rules for a tenant's runs where no sweep file chooses, by pattern of their experiments.

        The first that fits counts; the last one fits all.
        """
        found: list[tuple[str, RetentionClass]] = []
        for one in self.assignments:
            if one.scope.covers_tenant(tenant):
                found.append((one.scope.experiment, self.classes[one.class_name]))
                if one.scope.experiment == "*":
                    return found
        return [*found, ("*", self.classes[self.default_class])]
