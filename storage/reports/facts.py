"""What reports are put together from, read from the ledger and the record."""

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row, dict_row

from governance.budgets.report import BudgetWarning
from governance.budgets.spending import BudgetPosition
from governance.cost.entries import LOST, Outcome, outcome
from governance.periods import Span
from governance.quotas.file import QUOTAS
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
    Priced,
    Repeated,
    Spent,
    StoppedEarly,
    SweepFront,
    Waits,
)
from governance.reports.tried import ParameterOutcomes
from storage import queries
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.reports.budgets import ReportBudgets
from storage.reports.parameters import read_parameter_outcomes
from sweeps.objectives import Direction
from sweeps.states import ExitReason, RunState

_QUERIES = queries.load("report_facts")
# Of a million attempts the database makes sums by run: little memory would send them to the disk.
_WORK_MEM = "64MB"
Row = TypeVar("Row")
Spender = tuple[str, str, str, str]  # tenant, experiment, sweep, owner
Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresReportFacts:
    """A `governance.reports.facts.ReportFacts`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._policies = PolicyStore(pool)
        self._budgets = ReportBudgets(pool, self._policies)

    def spent(self, scope: Scope, period: Span) -> list[Spent]:
        """By tenant, experiment, sweep and owner, in that order.

        Attempts count where they ended: the ledger has those that ran over midnight on each day.
        """
        parameters = _parameters(scope, period)
        attempts: Counter[Spender] = Counter()
        failed: Counter[Spender] = Counter()
        with self._reading() as connection:
            rows = connection.execute(_QUERIES["attempts_of_spenders"], parameters)
            for *whose, reason, final, count in rows:
                spender: Spender = (whose[0], whose[1], whose[2], whose[3])
                attempts[spender] += count
                if _outcome(reason, final) in LOST:
                    failed[spender] += count
            cursor = connection.cursor(row_factory=dict_row)
            costs = cursor.execute(_QUERIES["spent"], parameters).fetchall()
        spent = {
            (row["tenant"], row["experiment"], row["sweep_id"], row["owner"]): row for row in costs
        }
        return [
            Spent(
                **(spent.get(spender) or _nothing_spent(spender)),
                attempts=attempts[spender],
                failed_attempts=failed[spender],
            )
            for spender in sorted({*spent, *attempts})
        ]

    def spent_by_day(self, scope: Scope, period: Span) -> list[DaySpent]:
        """Days with anything in the ledger, in order."""
        return self._rows("spent_by_day", DaySpent, scope, period)

    def spent_by_outcome(self, scope: Scope, period: Span) -> list[OutcomeSpent]:
        """By outcome."""
        return self._rows("spent_by_outcome", OutcomeSpent, scope, period)

    def repeated(self, scope: Scope, period: Span) -> list[Repeated]:
        """By sweep; the cost of the period."""
        return self._rows("repeated", Repeated, scope, period)

    def stopped_early(self, scope: Scope, period: Span) -> list[StoppedEarly]:
        """By sweep; trials that ended in the period."""
        return self._rows("stopped_early", StoppedEarly, scope, period)

    def activity(self, scope: Scope, period: Span) -> list[Activity]:
        """By owner."""
        return self._rows("activity", Activity, scope, period)

    def attempts_ended(self, scope: Scope, period: Span) -> list[AttemptsEnded]:
        """By day and what became of them."""
        counts: Counter[tuple[dt.date, Outcome]] = Counter()
        with self._reading() as connection:
            rows = connection.execute(_QUERIES["attempts_ended"], _parameters(scope, period))
            for day, reason, final, attempts in rows:
                counts[day, _outcome(reason, final)] += attempts
        return [
            AttemptsEnded(day=day, outcome=became, attempts=attempts)
            for (day, became), attempts in sorted(counts.items())
        ]

    def failure_reasons(self, scope: Scope, period: Span) -> list[FailureReason]:
        """By tenant and reason; attempts that ended in the period."""
        return self._rows("failure_reasons", FailureReason, scope, period)

    def waits(self, scope: Scope, period: Span) -> list[Waits]:
        """By tenant; attempts that began in the period."""
        return self._rows("waits", Waits, scope, period)

    def models_moved(self, scope: Scope, period: Span) -> list[ModelMoved]:
        """In order of time."""
        return self._rows("models_moved", ModelMoved, scope, period)

    def evaluations_ended(self, scope: Scope, period: Span) -> list[EvaluationsEnded]:
        """By tenant and state."""
        return self._rows("evaluations_ended", EvaluationsEnded, scope, period)

    def held(self, scope: Scope, period: Span) -> list[Held]:
        """By tenant."""
        return self._rows("held", Held, scope, period)

    def quotas(self) -> Quotas:
        """The policy that holds now."""
        return self._policies.current(QUOTAS).value

    def budgets(self, scope: Scope, period: Span) -> Sequence[BudgetPosition]:
        """Where they stood when the period ended, or stand now."""
        return self._budgets.positions(scope, period)

    def budget_warnings(self, scope: Scope, period: Span) -> Sequence[BudgetWarning]:
        """What was told in the period of budgets of the tenant and of several, newest first."""
        return self._budgets.warnings(scope, period)

    def deleted(self, scope: Scope, period: Span) -> list[Deleted]:
        """By tenant, kind and rule."""
        return self._rows("deleted", Deleted, scope, period)

    def days_not_in_ledger(self, period: Span) -> list[dt.date]:
        """Days that are over, since the ledger began, that it does not have as a whole."""
        with self._reading() as connection:
            parameters = {"first": period.first, "until": period.until}
            rows = connection.execute(_QUERIES["days_not_in_ledger"], parameters)
            return [day for (day,) in rows]

    def learnt(self, scope: Scope, period: Span) -> list[Learnt]:
        """Of sweeps that ended in the period and have a page in the graveyard."""
        return self._rows("learnt", Learnt, scope, period)

    def parameter_outcomes(self, scope: Scope, period: Span) -> ParameterOutcomes:
        """Of runs that ended in the period, by experiment."""
        with self._reading() as connection:
            return read_parameter_outcomes(connection, _parameters(scope, period))

    def fronts(self, scope: Scope, period: Span) -> list[SweepFront]:
        """Of sweeps with a trial that ended in the period."""
        with self._reading() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            rows = cursor.execute(_QUERIES["fronts"], _parameters(scope, period)).fetchall()
        sweeps: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            sweeps.setdefault(row["sweep_id"], []).append(row)
        return [_front(members) for members in sweeps.values()]

    def configurations(
        self, trials: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], Mapping[str, object]]:
        """Of trials, by sweep and number."""
        parameters = {
            "sweep_ids": [sweep_id for sweep_id, _ in trials],
            "numbers": [number for _, number in trials],
        }
        with self._reading() as connection:
            rows = connection.execute(_QUERIES["configurations"], parameters)
            return {(sweep_id, number): found for sweep_id, number, found in rows}

    @contextlib.contextmanager
    def _reading(self) -> Generator[Connection, None, None]:
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["take_memory"], {"amount": _WORK_MEM})
            yield connection

    def _rows(self, query: str, kind: type[Row], scope: Scope, period: Span) -> list[Row]:
        with self._reading() as connection:
            cursor = connection.cursor(row_factory=class_row(kind))
            return cursor.execute(_QUERIES[query], _parameters(scope, period)).fetchall()


def _outcome(reason: str, final: str | None) -> Outcome:
    return outcome(ExitReason(reason), final=None if final is None else RunState(final))


def _nothing_spent(spender: Spender) -> dict[str, Any]:
    """Of whom attempts ended in a period for which the ledger has nothing of theirs."""
    tenant, experiment, sweep_id, owner = spender
    hours = ("gpu_hours", "idle_gpu_hours", "cpu_hours", "memory_gib_hours", "storage_gib_days")
    return {
        "tenant": tenant,
        "experiment": experiment,
        "sweep_id": sweep_id,
        "owner": owner,
        "amount_usd": Decimal(0),
        "waste_usd": Decimal(0),
        "unpriced": 0,
        **dict.fromkeys(hours, 0.0),
    }


def _parameters(scope: Scope, period: Span) -> dict[str, object]:
    return {
        "scope": [scope.tenant, scope.experiment, scope.sweep_id],
        "first": period.first,
        "until": period.until,
        "start": period.start,
        "end": period.end,
    }


def _front(rows: Sequence[Mapping[str, Any]]) -> SweepFront:
    first = rows[0]
    return SweepFront(
        tenant=first["tenant"],
        experiment=first["experiment"],
        sweep_id=first["sweep_id"],
        metric=first["metric"],
        direction=Direction(first["direction"]),
        trials=first["trials"],
        unpriced=first["unpriced"],
        front=tuple(
            Priced(number=row["number"], objective=row["objective"], cost_usd=row["cost_usd"])
            for row in rows
        ),
    )
