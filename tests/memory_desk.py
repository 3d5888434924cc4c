"""A desk in memory: the scheduler over rows that tests keep."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from governance.budgets.budget import BudgetState
from governance.quotas.quota import Quotas
from governance.scheduling import Demand, Live, Waiting, schedule
from governance.scheduling.queue import HOPELESS
from sweeps.ids import AttemptId, SweepId
from sweeps.ports import Admission
from sweeps.specs import SweepSpec


class MemoryDesk:
    """A `sweeps.ports.AdmissionDesk`."""

    def __init__(
        self, quotas: Quotas | None = None, *, budgets: Sequence[BudgetState] = ()
    ) -> None:
        self.quotas = quotas or Quotas()
        self.budgets = budgets
        self.ended: set[AttemptId] = set()
        self._now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self._waiting: dict[AttemptId, Waiting] = {}
        self._live: dict[AttemptId, Live] = {}
        self._gave_way: dict[AttemptId, dt.datetime] = {}  # since when they are in the queue

    def end(self, attempt_id: AttemptId) -> None:
        """Its row says that it has ended."""
        self.ended.add(attempt_id)

    def ask(
        self, sweep_id: SweepId, spec: SweepSpec, attempt_ids: Collection[AttemptId]
    ) -> Mapping[AttemptId, Admission]:
        self._now += dt.timedelta(seconds=1)
        for one in self.ended:
            self._waiting.pop(one, None)
            self._live.pop(one, None)
        for one in attempt_ids:
            if one not in (self._live.keys() | self._waiting.keys() | self.ended):
                self._waiting[one] = self._trial(sweep_id, spec, one)
        result = schedule(
            list(self._waiting.values()), list(self._live.values()), self.quotas.capacity,
            self.quotas, self.budgets, {}, self._now,
        )  # fmt: skip
        for one in result.admitted:
            trial = self._waiting.pop(one)
            fields = {f.name: getattr(trial, f.name) for f in dataclasses.fields(trial)}
            self._live[one] = Live(**fields, began_at=self._now)
        waits = {wait.attempt_id: wait for wait in result.waiting}
        answers: dict[AttemptId, Admission] = {}
        for one in attempt_ids:
            if one in self._live:
                answers[one] = Admission(is_admitted=True)
            elif one in waits:
                wait = waits[one]
                answers[one] = Admission(
                    is_admitted=False,
                    reason=wait.reason,
                    place=wait.place,
                    starts_at=wait.starts_at,
                    is_hopeless=wait.kind in HOPELESS,
                )
        return answers

    def withdraw(self, attempt_ids: Collection[AttemptId]) -> None:
        for one in attempt_ids:
            self._waiting.pop(one, None)
            self._live.pop(one, None)
            self._gave_way.pop(one, None)

    def give_way(self, attempt_ids: Collection[AttemptId], *, reason: str) -> None:
        for one in attempt_ids:
            trial = self._waiting.pop(one, None) or self._live.pop(one, None)
            if trial is not None:
                self._gave_way[one] = trial.queued_at

    def begin_launch(self, sweep_id: SweepId, attempt_id: AttemptId) -> bool:
        return attempt_id in self._live and attempt_id not in self.ended

    def found_no_place(self, attempt_id: AttemptId) -> None:
        """It keeps what it was given: a desk in memory takes nothing back."""

    def _trial(self, sweep_id: SweepId, spec: SweepSpec, attempt_id: AttemptId) -> Waiting:
        resources, nodes = spec.trial.resources, spec.trial.pods.nodes
        return Waiting(
            attempt_id=attempt_id,
            sweep_id=sweep_id,
            tenant=spec.tenant,
            experiment=spec.experiment,
            owner=spec.owner,
            demand=Demand(
                cpu_millis=round(resources.cpu * 1000) * nodes,
                memory_bytes=resources.memory_bytes * nodes,
                gpu=resources.gpu * nodes,
                gpu_type=resources.gpu_type,
            ),
            queued_at=self._gave_way.pop(attempt_id, self._now),
            priority=spec.priority,
        )
