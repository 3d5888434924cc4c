"""Who may start: the queue of the whole installation, and one scheduler for it, whoever runs it.

Whichever controller comes first runs a pass, under an advisory lock and in one transaction: it reads
who waits and who holds what, decides with `governance.scheduling`, and writes that down. Nobody else
admits anything, so two at once never exceed a limit, and one that is killed has decided nothing.
"""

import datetime as dt
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Jsonb

from governance.budgets.budget import BudgetState
from governance.budgets.predictions import Basis, Prediction
from governance.quotas.file import QUOTAS
from governance.quotas.quota import Quotas
from governance.scheduling import Live, Schedule, Waiting, schedule
from governance.scheduling.queue import HOPELESS
from storage import queries
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from storage.queue.rows import demand_columns, read_open, read_usage, rerun_columns
from sweeps import ids
from sweeps.ids import AttemptId, SweepId
from sweeps.ports import Admission
from sweeps.rerun_demand import RerunDemand
from sweeps.specs import SweepSpec

_QUERIES = queries.load("admissions")
_HELD_BACK = "held_back"  # what those wait for who have given way
_LOCK = 7_305_021  # any number, the same in every process of ours
_PATIENCE = dt.timedelta(seconds=10)  #: a pass without news: budgets and shares change with time
_SEEK_SECONDS = 20.0
GONE_AFTER = dt.timedelta(seconds=90)  #: of silence: nothing is admitted for that controller
#: Of silence: what it did not launch goes back to the queue. Longer than a cluster is out of reach.
_LOST_AFTER = dt.timedelta(minutes=10)
Connection = psycopg.Connection[tuple[Any, ...]]

#: What attempts of a sweep will take: none is known.
_UNKNOWN = Prediction(basis=Basis.NOTHING)


class Predictor(Protocol):
    """What attempts will take and cost."""

    def __call__(
        self, sweep_id: SweepId, spec: SweepSpec, attempt_ids: Sequence[AttemptId]
    ) -> Mapping[AttemptId, Prediction]:
        """For those of the attempts of which anything can be said. `StorageUnavailable`."""
        ...


class BudgetSource(Protocol):
    """What budgets have left."""

    def states(self, connection: Connection, *, now: dt.datetime) -> Sequence[BudgetState]:
        """All that hold now, read in the transaction of the pass."""
        ...

    def keep_sums(self) -> None:
        """Write down what was summed for a pass, which is over."""
        ...


def predict_nothing(
    sweep_id: SweepId,  # noqa: ARG001 - as the port says
    spec: SweepSpec,
    attempt_ids: Sequence[AttemptId],
) -> Mapping[AttemptId, Prediction]:
    """No attempt takes longer than it may."""
    timeout = spec.limits.trial_timeout
    if timeout is None:
        return {}
    seconds = timeout.total_seconds()
    known = Prediction(basis=Basis.TIMEOUT, seconds=seconds, upper_seconds=seconds)
    return dict.fromkeys(attempt_ids, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What attempts that are asked for together ask for, each of them."""

    columns: Mapping[str, object]
    is_elsewhere: bool
    predict: Callable[[Sequence[AttemptId]], Mapping[AttemptId, Prediction]]


class PostgresAdmissionDesk:
    """A `sweeps.ports.AdmissionDesk` for all controllers of an installation.

    Args:
        policies: Where the quotas are.
        predict: What attempts will take; asked once for each.
        predict_rerun: Likewise, of a rerun.
        budgets: None: nobody has any.
        is_elsewhere: Whether somebody else, such as Kueue, admits what a tenant starts.
    """

    def __init__(
        self,
        pool: Pool,
        policies: PolicyStore,
        *,
        predict: Predictor = predict_nothing,
        predict_rerun: Callable[[RerunDemand], Prediction] = lambda _: _UNKNOWN,
        budgets: BudgetSource | None = None,
        is_elsewhere: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._pool = pool
        self._policies = policies
        self._predict = predict
        self._predict_rerun = predict_rerun
        self._budgets = budgets
        self._is_elsewhere = is_elsewhere
        self._asked: dict[SweepId, set[AttemptId]] = {}
        self._sought: dict[SweepId, float] = {}

    def ask(
        self, sweep_id: SweepId, spec: SweepSpec, attempt_ids: Collection[AttemptId]
    ) -> Mapping[AttemptId, Admission]:
        """What becomes of attempts that would like to start; a pass is run when one is due."""
        asked = _Asked(
            columns=demand_columns(spec),
            is_elsewhere=self._is_elsewhere(spec.tenant),
            predict=lambda new: self._predict(sweep_id, spec, new),
        )
        return self._ask(sweep_id, asked, attempt_ids)

    def ask_for_rerun(self, attempt_id: AttemptId, demand: RerunDemand) -> Admission:
        """What becomes of a rerun that would like to start, whose rows are written.

        It is in the queue under the name of its run, which is also what its launch is begun with.
        """
        asked = _Asked(
            columns=rerun_columns(demand),
            is_elsewhere=demand.is_in_cluster and self._is_elsewhere(demand.tenant_id),
            predict=lambda new: dict.fromkeys(new, self._predict_rerun(demand)),
        )
        answers = self._ask(SweepId(ids.run_of(attempt_id)), asked, [attempt_id])
        return answers.get(attempt_id, Admission(is_admitted=False))

    def _ask(
        self, sweep_id: SweepId, asked: "_Asked", attempt_ids: Collection[AttemptId]
    ) -> Mapping[AttemptId, Admission]:
        known = self._asked.get(sweep_id, set())
        self._enter(sweep_id, asked, [one for one in attempt_ids if one not in known])
        with transaction(self._pool) as connection:
            is_due = self._is_due(connection)
        if is_due:
            self.run_pass()
        with transaction(self._pool) as connection:
            rows = connection.execute(
                _QUERIES["answers"], {"attempt_ids": list(attempt_ids)}
            ).fetchall()
        # Others were withdrawn, have given way to another process, or have ended.
        self._asked[sweep_id] = {AttemptId(row[0]) for row in rows if row[2] != _HELD_BACK}
        return {
            AttemptId(attempt_id): Admission(
                is_admitted=is_admitted,
                reason=reason,
                place=place,
                starts_at=starts_at,
                is_hopeless=kind in HOPELESS,
            )
            for attempt_id, is_admitted, kind, reason, place, starts_at in rows
        }

    def withdraw(self, attempt_ids: Collection[AttemptId]) -> None:
        """Attempts that were never launched give back what they were given, and their places."""
        self._leave("withdraw", attempt_ids)

    def give_way(self, attempt_ids: Collection[AttemptId], *, reason: str) -> None:
        """Attempts that were never launched give back what they were given, and keep their places."""
        self._leave("give_way", attempt_ids, reason=reason)

    def begin_launch(self, sweep_id: SweepId, attempt_id: AttemptId) -> bool:
        """Whether an attempt may be launched now; a sign of life of its controller, too."""
        is_silent = self._is_silent(sweep_id)
        with transaction(self._pool) as connection:
            if is_silent:
                connection.execute(_QUERIES["seek"], {"sweep_id": sweep_id})
            parameters = {"attempt_id": attempt_id}
            is_admitted = connection.execute(_QUERIES["begin_launch"], parameters).fetchone()
        if is_silent:
            self._sought[sweep_id] = time.monotonic()
        return is_admitted is not None

    def found_no_place(self, attempt_id: AttemptId) -> None:
        """What was to be launched was not."""
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["found_no_place"], {"attempt_id": attempt_id})

    def run_pass(self) -> Schedule | None:
        """Decide about everybody; None when somebody else has just done so, or the policy changes."""
        policy = self._policies.current(QUOTAS)
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["wait_for_turn"], {"lock": _LOCK})
            if not self._is_due(connection):
                return None
            row = connection.execute(_QUERIES["begin_pass"]).fetchone()
            assert row is not None  # it reads no table that may be empty
            now, last_position, version = row
            if version != policy.version:  # it was applied a moment ago: with the next look
                return None
            result = self._decide(connection, policy.value, now=now)
            connection.execute(
                _QUERIES["end_pass"],
                {
                    "now": now,
                    "last_position": last_position,
                    "policy_version": version,
                    "shares": Jsonb(dict(result.shares)),
                },
            )
        if self._budgets is not None:
            self._budgets.keep_sums()
        return result

    def _is_due(self, connection: Connection) -> bool:
        row = connection.execute(_QUERIES["is_due"], {"patience": _PATIENCE}).fetchone()
        return row is None or bool(row[0])

    def _is_silent(self, sweep_id: SweepId) -> bool:
        """Whether a sign of life of its controller is due."""
        return time.monotonic() - self._sought.get(sweep_id, -math.inf) > _SEEK_SECONDS

    def _leave(self, how: str, attempt_ids: Collection[AttemptId], **why: str) -> None:
        with transaction(self._pool) as connection:
            parameters = {"attempt_ids": sorted(attempt_ids), **why}
            rows = connection.execute(_QUERIES[how], parameters).fetchall()
            if rows:  # no attempt that has ended tells of what is free now
                connection.execute(_QUERIES["decide_soon"])
        for known in self._asked.values():
            known.difference_update(attempt_ids)

    def _enter(self, sweep_id: SweepId, asked: "_Asked", attempt_ids: Sequence[AttemptId]) -> None:
        """New attempts into the queue, and a sign of life of their controller."""
        if not attempt_ids and not self._is_silent(sweep_id):
            return
        predicted: Mapping[AttemptId, Prediction] = {}
        if attempt_ids:
            predicted = asked.predict(attempt_ids)
        known = [predicted.get(one, _UNKNOWN) for one in attempt_ids]
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["seek"], {"sweep_id": sweep_id})
            if attempt_ids:
                connection.execute(
                    _QUERIES["ask"],
                    {
                        **asked.columns,
                        "sweep_id": sweep_id,
                        "is_admitted_elsewhere": asked.is_elsewhere,
                        "attempt_ids": list(attempt_ids),
                        "predicted_seconds": [one.upper_seconds for one in known],
                        "predicted_usd": [one.upper_usd for one in known],
                        "predicted_gpu_hours": [one.upper_gpu_hours for one in known],
                    },
                )
        self._sought[sweep_id] = time.monotonic()

    def _decide(self, connection: Connection, quotas: Quotas, *, now: dt.datetime) -> Schedule:
        clock = {"now": now, "tau": quotas.usage.half_life.total_seconds() / math.log(2)}
        connection.execute(_QUERIES["settle"], clock)
        connection.execute(_QUERIES["give_back"], {"now": now, "silence": _LOST_AFTER})
        usage = read_usage(connection.execute(_QUERIES["usage"], clock))
        rows = connection.execute(_QUERIES["open"], {"now": now, "gone_after": GONE_AFTER})
        queue: list[Waiting] = []
        running: list[Live] = []
        for trial in read_open(rows):
            if isinstance(trial, Live):
                running.append(trial)
            else:
                queue.append(trial)
        # After the live ones: who ends in between is counted twice then, and never not at all.
        budgets = () if self._budgets is None else self._budgets.states(connection, now=now)
        result = schedule(queue, running, quotas.capacity, quotas, budgets, usage, now)
        if result.admitted:
            parameters = {"now": now, "attempt_ids": list(result.admitted)}
            connection.execute(_QUERIES["admit"], parameters)
        if result.waiting:
            connection.execute(
                _QUERIES["tell"],
                {
                    "attempt_ids": [wait.attempt_id for wait in result.waiting],
                    "kinds": [str(wait.kind) for wait in result.waiting],
                    "reasons": [wait.reason for wait in result.waiting],
                    "places": [wait.place for wait in result.waiting],
                    "starts": [wait.starts_at for wait in result.waiting],
                },
            )
        return result
