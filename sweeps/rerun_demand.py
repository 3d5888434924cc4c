"""What a rerun asks for, and for whom: what the queue, budgets and the ledger have to know of it. Pure."""

import datetime as dt
from dataclasses import dataclass

from sweeps.ids import RunId, TenantId
from sweeps.schedulers.catalog import make_scheduler
from sweeps.specs import Resources, SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunDemand:
    """One execution of a run once more.

    It is in the experiment of the run that it repeats and in no sweep, so no sweep's own budget pays for
    it; whoever makes it does. Its priority is the usual one.
    """

    repeats: RunId
    tenant_id: TenantId
    experiment: str
    owner: str  #: who makes it
    resources: Resources
    nodes: int = 1  #: that each have these resources
    is_in_cluster: bool = False  #: it is to be a pod: a queue of the cluster may admit it
    max_resource: int | None = None  #: resource level at which it is complete; None: nobody knows
    timeout: dt.timedelta | None = None  #: after which it is ended; None: it is not


def demand_of_trial(
    spec: SweepSpec, *, repeats: RunId, tenant_id: TenantId, owner: str, is_in_cluster: bool
) -> RerunDemand:
    """What a trial asked for: nobody ends its rerun early, which goes to the end."""
    return RerunDemand(
        repeats=repeats,
        tenant_id=tenant_id,
        experiment=spec.experiment,
        owner=owner,
        resources=spec.trial.resources,
        nodes=spec.trial.pods.nodes,
        is_in_cluster=is_in_cluster,
        max_resource=make_scheduler(spec.strategy.scheduler).max_resource,
        timeout=spec.limits.trial_timeout,
    )
