"""Rows of the queue, and what sweeps and reruns ask for in them."""

from collections.abc import Iterable, Iterator
from typing import Any

from governance.scheduling import Demand, Live, Usage, Waiting
from sweeps.ids import AttemptId
from sweeps.rerun_demand import RerunDemand
from sweeps.specs import Resources, SweepSpec


def demand_columns(spec: SweepSpec) -> dict[str, object]:
    """Whose an attempt of a sweep is, and what it asks for on all of its nodes."""
    return {
        "tenant_id": spec.tenant,
        "experiment": spec.experiment,
        "owner": spec.owner,
        "priority": spec.priority,
        **_amounts(spec.trial.resources, spec.trial.pods.nodes),
    }


def rerun_columns(demand: RerunDemand) -> dict[str, object]:
    """The same of a rerun."""
    return {
        "tenant_id": demand.tenant_id,
        "experiment": demand.experiment,
        "owner": demand.owner,
        "priority": None,
        **_amounts(demand.resources, demand.nodes),
    }


def _amounts(resources: Resources, nodes: int) -> dict[str, object]:
    return {
        "cpu_millis": round(resources.cpu * 1000) * nodes,
        "memory_bytes": resources.memory_bytes * nodes,
        "gpu": resources.gpu * nodes,
        "gpu_type": resources.gpu_type if resources.gpu else "",
    }


def read_open(rows: Iterable[tuple[Any, ...]]) -> Iterator[Waiting]:
    """Those who wait, and those who were admitted and have not ended."""
    demands: dict[tuple[int, int, int, str], Demand] = {}
    for (
        attempt_id, sweep_id, tenant, experiment, owner, priority, cpu_millis, memory_bytes, gpu,
        gpu_type, is_elsewhere, seconds, usd, gpu_hours, queued_at, admitted_at, began_at,
    ) in rows:  # fmt: skip
        asked = (cpu_millis, memory_bytes, gpu, gpu_type)
        demand = demands.get(asked)
        if demand is None:
            demand = demands[asked] = Demand(
                cpu_millis=cpu_millis, memory_bytes=memory_bytes, gpu=gpu, gpu_type=gpu_type
            )
        fields: dict[str, Any] = {
            "attempt_id": AttemptId(attempt_id),
            "sweep_id": sweep_id,
            "tenant": tenant,
            "experiment": experiment,
            "owner": owner,
            "demand": demand,
            "queued_at": queued_at,
            "priority": priority,
            "seconds": seconds,
            "usd": usd,
            "gpu_hours": gpu_hours,
            "is_admitted_elsewhere": is_elsewhere,
        }
        if admitted_at is None:
            yield Waiting(**fields)
        else:
            yield Live(**fields, began_at=began_at)


def read_usage(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str, str], Usage]:
    """What was used, by tenant, owner and experiment."""
    found: dict[tuple[str, str, str], Usage] = {}
    for tenant, owner, experiment, gpu_type, cpu_hours, memory_gib_hours, gpu_hours in rows:
        before = found.get((tenant, owner, experiment), Usage())
        found[tenant, owner, experiment] = Usage(
            cpu_hours=before.cpu_hours + float(cpu_hours),
            memory_gib_hours=before.memory_gib_hours + float(memory_gib_hours),
            gpu_hours={**before.gpu_hours, gpu_type: float(gpu_hours)},
        )
    return found
