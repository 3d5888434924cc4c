"""Facts that a test says, for reports."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from governance.budgets.report import BudgetWarning
from governance.budgets.spending import BudgetPosition
from governance.periods import Period, Span
from governance.quotas.quota import Quotas
from governance.reports.model import Scope
from governance.reports.rows import (
    Activity,
    AttemptsEnded,
    DaySpent,
    Deleted,
    EvaluationsEnded,
    FailureReason,
    Held,
    Learnt,
    ModelMoved,
    OutcomeSpent,
    Repeated,
    Spent,
    StoppedEarly,
    SweepFront,
    Waits,
)
from governance.reports.tried import ParameterOutcomes

WEEK = Period.WEEK.span(dt.date(2026, 11, 18))
NOW = dt.datetime(2026, 11, 23, 5, tzinfo=dt.UTC)


def spent(**changes: Any) -> Spent:
    defaults: dict[str, Any] = {
        "tenant": "vision",
        "experiment": "digits",
        "sweep_id": "digits-a",
        "owner": "ana",
        "amount_usd": Decimal(0),
        "waste_usd": Decimal(0),
        "gpu_hours": 0.0,
        "idle_gpu_hours": 0.0,
        "cpu_hours": 0.0,
        "memory_gib_hours": 0.0,
        "storage_gib_days": 0.0,
        "attempts": 0,
        "failed_attempts": 0,
        "unpriced": 0,
    }
    return Spent(**{**defaults, **changes})


@dataclass
class Told:
    """A `ReportFacts` of one period; the period before has its own, or nothing."""

    period: Span = WEEK
    spent_rows: Sequence[Spent] = ()
    spent_before: Sequence[Spent] = ()
    days: Sequence[DaySpent] = ()
    outcomes: Sequence[OutcomeSpent] = ()
    repeated_rows: Sequence[Repeated] = ()
    stopped: Sequence[StoppedEarly] = ()
    parameters: ParameterOutcomes = field(default_factory=ParameterOutcomes)
    front_rows: Sequence[SweepFront] = ()
    tried: Mapping[tuple[str, int], Mapping[str, object]] = field(
        default_factory=dict[tuple[str, int], Mapping[str, object]]
    )
    activity_rows: Sequence[Activity] = ()
    reasons: Sequence[FailureReason] = ()
    wait_rows: Sequence[Waits] = ()
    moves: Sequence[ModelMoved] = ()
    lessons: Sequence[Learnt] = ()
    missing_days: Sequence[dt.date] = ()
    deletions: Sequence[Deleted] = ()
    held_rows: Sequence[Held] = ()
    policy: Quotas = field(default_factory=Quotas)
    evaluations: Sequence[EvaluationsEnded] = ()
    ended: Sequence[AttemptsEnded] = ()
    positions: Sequence[BudgetPosition] = ()
    warned: Sequence[BudgetWarning] = ()

    def spent(self, scope: Scope, period: Span) -> Sequence[Spent]:
        return self.spent_rows if period == self.period else self.spent_before

    def spent_by_day(self, scope: Scope, period: Span) -> Sequence[DaySpent]:
        return self.days if period == self.period else ()

    def spent_by_outcome(self, scope: Scope, period: Span) -> Sequence[OutcomeSpent]:
        return self.outcomes if period == self.period else ()

    def repeated(self, scope: Scope, period: Span) -> Sequence[Repeated]:
        return self.repeated_rows if period == self.period else ()

    def stopped_early(self, scope: Scope, period: Span) -> Sequence[StoppedEarly]:
        return self.stopped if period == self.period else ()

    def parameter_outcomes(self, scope: Scope, period: Span) -> ParameterOutcomes:
        return self.parameters if period == self.period else ParameterOutcomes()

    def fronts(self, scope: Scope, period: Span) -> Sequence[SweepFront]:
        return self.front_rows if period == self.period else ()

    def configurations(
        self, trials: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], Mapping[str, object]]:
        return {trial: self.tried[trial] for trial in trials if trial in self.tried}

    def activity(self, scope: Scope, period: Span) -> Sequence[Activity]:
        return self.activity_rows if period == self.period else ()

    def failure_reasons(self, scope: Scope, period: Span) -> Sequence[FailureReason]:
        return self.reasons if period == self.period else ()

    def waits(self, scope: Scope, period: Span) -> Sequence[Waits]:
        return self.wait_rows if period == self.period else ()

    def models_moved(self, scope: Scope, period: Span) -> Sequence[ModelMoved]:
        return self.moves if period == self.period else ()

    def evaluations_ended(self, scope: Scope, period: Span) -> Sequence[EvaluationsEnded]:
        return self.evaluations if period == self.period else ()

    def held(self, scope: Scope, period: Span) -> Sequence[Held]:
        return self.held_rows if period == self.period else ()

    def quotas(self) -> Quotas:
        return self.policy

    def deleted(self, scope: Scope, period: Span) -> Sequence[Deleted]:
        return self.deletions if period == self.period else ()

    def days_not_in_ledger(self, period: Span) -> Sequence[dt.date]:
        return self.missing_days if period == self.period else ()

    def learnt(self, scope: Scope, period: Span) -> Sequence[Learnt]:
        return self.lessons if period == self.period else ()

    def attempts_ended(self, scope: Scope, period: Span) -> Sequence[AttemptsEnded]:
        return self.ended if period == self.period else ()

    def budgets(self, scope: Scope, period: Span) -> Sequence[BudgetPosition]:
        return self.positions if period == self.period else ()

    def budget_warnings(self, scope: Scope, period: Span) -> Sequence[BudgetWarning]:
        return self.warned if period == self.period else ()
