"""Violations of quotas: noticed every two minutes, and told when a step of the policy is due.

What was told, and by which run, is said by the rows of steps: a Dagster run that fails has told
nothing, and is asked for again.
"""

import datetime as dt
import time

import dagster as dg

from assets.quota_escalations import quota_escalations
from governance.quotas.escalations import Escalations
from orchestration.coming_runs import last_run, may_be_asked_again

_REST_SECONDS = 600.0  # after a failure; the asset itself has tried several times by then
_MOST_NAMED = 20  # steps in a run key

escalate_quotas = dg.define_asset_job(
    "escalate_quotas",
    selection=dg.AssetSelection.assets(quota_escalations),
    description="Tells whoever is to be told of violations of quotas by now.",
)


@dg.sensor(
    job=escalate_quotas,
    minimum_interval_seconds=120,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Notices violations of quotas, and has each step of their escalation told, once.",
)
def quota_violations(
    context: dg.SensorEvaluationContext, escalations: dg.ResourceParam[Escalations]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run when there is anybody to be told.

    No cursor: the rows say what was noticed and told. The same tick twice starts one Dagster run.
    """
    due = escalations.notice(dt.datetime.now(dt.UTC))
    if not due:
        return dg.SkipReason("nobody is to be told of a violation of quotas")
    job = escalate_quotas.name
    if not may_be_asked_again(context.instance, job_name=job, now=time.time(), rest=_REST_SECONDS):
        return dg.SkipReason("a run is coming, or could not be done a moment ago")
    named = "; ".join(due[:_MOST_NAMED])
    context.log.info(f"to be told: {named}")
    last = last_run(context.instance, dg.RunsFilter(job_name=job))
    # Also after one that has succeeded: what it was not sure of, it has not told.
    return dg.RunRequest(run_key=named if last is None else f"{named} after {last.run_id}")


SENSORS = [quota_violations]
