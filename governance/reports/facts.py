"""What reports are put together from, and who reads it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from governance.budgets.report import BudgetWarning
from governance.budgets.spending import BudgetPosition
from governance.periods import Span
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


class ReportFacts(Protocol):
    """Reads what happened. Every call is about one scope and one period."""

    def spent(self, scope: Scope, period: Span) -> Sequence[Spent]:
        """By tenant, experiment, sweep and owner, in that order."""
        ...

    def spent_by_day(self, scope: Scope, period: Span) -> Sequence[DaySpent]:
        """Days with anything in the ledger, in order."""
        ...

    def spent_by_outcome(self, scope: Scope, period: Span) -> Sequence[OutcomeSpent]:
        """By outcome."""
        ...

    def repeated(self, scope: Scope, period: Span) -> Sequence[Repeated]:
        """By sweep; the cost of the period."""
        ...

    def stopped_early(self, scope: Scope, period: Span) -> Sequence[StoppedEarly]:
        """By sweep; trials that ended in the period."""
        ...

    def parameter_outcomes(self, scope: Scope, period: Span) -> ParameterOutcomes:
        """Of runs that ended in the period, by experiment."""
        ...

    def fronts(self, scope: Scope, period: Span) -> Sequence[SweepFront]:
        """Of sweeps with a trial that ended in the period."""
        ...

    def configurations(
        self, trials: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], Mapping[str, object]]:
        """Of trials, by sweep and number."""
        ...

    def activity(self, scope: Scope, period: Span) -> Sequence[Activity]:
        """By owner."""
        ...

    def attempts_ended(self, scope: Scope, period: Span) -> Sequence[AttemptsEnded]:
        """By day and what became of them; a row for each that there was."""
        ...

    def failure_reasons(self, scope: Scope, period: Span) -> Sequence[FailureReason]:
        """By tenant and reason; attempts that ended in the period."""
        ...

    def waits(self, scope: Scope, period: Span) -> Sequence[Waits]:
        """By tenant; attempts that began in the period."""
        ...

    def models_moved(self, scope: Scope, period: Span) -> Sequence[ModelMoved]:
        """In order of time."""
        ...

    def evaluations_ended(self, scope: Scope, period: Span) -> Sequence[EvaluationsEnded]:
        """By tenant and state."""
        ...

    def held(self, scope: Scope, period: Span) -> Sequence[Held]:
        """By tenant."""
        ...

    def quotas(self) -> Quotas:
        """The policy that holds now."""
        ...

    def budgets(self, scope: Scope, period: Span) -> Sequence[BudgetPosition]:
        """Where budgets of the scope stood when the period ended, or stand now if it goes on.

        Of budgets of several tenants only a report of everybody knows.
        """
        ...

    def budget_warnings(self, scope: Scope, period: Span) -> Sequence[BudgetWarning]:
        """What was told in the period of budgets of the tenant and of several, newest first."""
        ...

    def deleted(self, scope: Scope, period: Span) -> Sequence[Deleted]:
        """By tenant, kind and rule."""
        ...

    def days_not_in_ledger(self, period: Span) -> Sequence[dt.date]:
        """Days that are over, since the ledger began, that it does not have as a whole."""
        ...

    def learnt(self, scope: Scope, period: Span) -> Sequence[Learnt]:
        """Of sweeps that ended in the period and have a page in the graveyard."""
        ...
