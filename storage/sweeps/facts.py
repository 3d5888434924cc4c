"""What budgets have to know of sweeps and reruns: whose they are, what attempts ask for, how far they go."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from governance.budgets.budget import Spender
from governance.budgets.held import Held
from governance.budgets.policy import Budget, own_budget
from storage import queries
from sweeps import ids
from sweeps.ids import SweepId
from sweeps.rerun_demand import RerunDemand
from sweeps.specs import SchedulerSpec, SweepSpec, as_document

_QUERIES = queries.load("budgets")
_MOST_KEPT = 20_000
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """Whose attempts are, and what each of them asks for."""

    spender: Spender
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFacts(AttemptFacts):
    """One sweep, as far as it spends."""

    sweep_id: SweepId
    budget: Budget | None  #: its own
    scheduler: SchedulerSpec
    timeout: float | None  #: seconds of an attempt


class SweepFactsCache:
    """Sweeps and reruns that were looked at once: none of it ever changes."""

    def __init__(self) -> None:
        self._known: dict[str, SweepFacts] = {}
        self._reruns: dict[str, AttemptFacts] = {}

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

    def of_spenders(
        self, connection: Connection, names: Collection[str]
    ) -> Mapping[str, AttemptFacts]:
        """By name of a sweep, or of a rerun that was admitted."""
        runs = {name for name in names if name not in self._known and ids.is_scratch_run(name)}
        unknown = [run_id for run_id in runs if run_id not in self._reruns]
        if unknown:
            if len(self._reruns) + len(unknown) > _MOST_KEPT:
                self._reruns.clear()
                unknown = list(runs)
            for run_id, *columns in connection.execute(
                _QUERIES["rerun_facts"], {"run_ids": unknown}
            ):
                self._reruns[run_id] = _rerun_facts(*columns)
        sweeps = self.of(connection, [name for name in names if name not in runs])
        return {**sweeps, **{run_id: self._reruns[run_id] for run_id in runs}}


def facts_of_rerun(demand: RerunDemand) -> AttemptFacts:
    """The same of a rerun that is about to be made."""
    resources, nodes = demand.resources, demand.nodes
    return AttemptFacts(
        spender=Spender(tenant=demand.tenant_id, experiment=demand.experiment, owner=demand.owner),
        gpus=resources.gpu * nodes,
        cores=resources.cpu * nodes,
        memory_bytes=resources.memory_bytes * nodes,
        gpu_type=resources.gpu_type,
    )


def _rerun_facts(
    tenant: str,
    experiment: str,
    owner: str,
    gpus: int,
    cpu_millis: int,
    memory_bytes: int,
    gpu_type: str,
) -> AttemptFacts:
    return AttemptFacts(
        spender=Spender(tenant=tenant, experiment=experiment, owner=owner),
        gpus=gpus,
        cores=cpu_millis / 1000,
        memory_bytes=memory_bytes,
        gpu_type=gpu_type,
    )


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
