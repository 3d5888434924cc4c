"""What budgets have to know of a sweep: whose it is, what a trial asks for, how far it may go."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from governance.budgets.budget import Spender
from governance.budgets.held import Held
from governance.budgets.policy import Budget, own_budget
from storage import queries
from sweeps.ids import SweepId
from sweeps.specs import SchedulerSpec, SweepSpec, as_document

_QUERIES = queries.load("budgets")
_MOST_KEPT = 20_000
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFacts:
    """One sweep, as far as it spends."""

    sweep_id: SweepId
    spender: Spender
    budget: Budget | None  #: its own
    scheduler: SchedulerSpec
    timeout: float | None  #: seconds of an attempt
    gpus: int  #: that one attempt asks for, on all of its nodes; likewise the others
    cores: float
    memory_bytes: int
    gpu_type: str  #: as asked for; empty: any

    def held(self, *, gpus: int, gpu_model: str, capacity: str, region: str) -> Held:
        """What an attempt holds on a machine; of GPUs as many as it asked for, while 0 are known."""
        return Held(
            gpus=gpus or self.gpus,
            cores=self.cores,
            memory_bytes=self.memory_bytes,
            gpu_model=gpu_model,
            capacity=capacity,
            region=region,
        )


class SweepFactsCache:
    """Sweeps that were looked at once: none of it ever changes."""

    def __init__(self) -> None:
        self._known: dict[str, SweepFacts] = {}

    def of(self, connection: Connection, sweep_ids: Collection[str]) -> Mapping[str, SweepFacts]:
        """Those of the sweeps that there are."""
        unknown = [sweep_id for sweep_id in sweep_ids if sweep_id not in self._known]
        if unknown:
            if len(self._known) + len(unknown) > _MOST_KEPT:
                self._known.clear()
                unknown = list(sweep_ids)
            rows = connection.execute(_QUERIES["sweep_facts"], {"sweep_ids": unknown})
            for sweep_id, tenant, experiment, spec in rows:
                self._known[sweep_id] = _facts(SweepId(sweep_id), tenant, experiment, spec)
        return {one: self._known[one] for one in sweep_ids if one in self._known}


def facts_of(sweep_id: SweepId, spec: SweepSpec) -> SweepFacts:
    """The same of a sweep that is about to be submitted."""
    return _facts(sweep_id, spec.tenant, spec.experiment, as_document(spec))


def _facts(sweep_id: SweepId, tenant: str, experiment: str, spec: Mapping[str, Any]) -> SweepFacts:
    """From the stored form; specs of earlier versions lack keys of later ones."""
    limits: Mapping[str, Any] = spec["limits"]
    resources: Mapping[str, Any] = spec["trial"]["resources"]
    pods: Mapping[str, Any] = spec["trial"].get("kubernetes") or {}
    nodes = int(pods.get("nodes") or 1)
    usd = limits.get("max_cost_usd")
    return SweepFacts(
        sweep_id=sweep_id,
        spender=Spender(
            tenant=tenant, experiment=experiment, sweep_id=sweep_id, owner=spec["owner"]
        ),
        budget=own_budget(
            sweep_id,
            max_usd=None if usd is None else Decimal(str(usd)),
            max_gpu_hours=limits.get("max_gpu_hours"),
        ),
        scheduler=SchedulerSpec(**spec["strategy"]["scheduler"]),
        timeout=limits.get("trial_timeout"),
        gpus=int(resources["gpu"]) * nodes,
        cores=float(resources["cpu"]) * nodes,
        memory_bytes=int(resources["memory"]) * nodes,
        gpu_type=resources.get("gpu_type") or "",
    )
