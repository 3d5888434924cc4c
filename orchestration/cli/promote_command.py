"""`sweepworks promote`: make a run a candidate, and follow what becomes of it."""

import click

from orchestration.cli.output import json_option
from orchestration.cli.promotion_follow import (
    detach_option,
    follow_evaluation,
    tell,
    tell_asked,
    timeout_option,
)
from orchestration.cli.session import import_dagster_meanwhile, session
from orchestration.people import person
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, TenantId, is_name
from sweeps.tags import PRODUCTION_CANDIDATE, Subject, SubjectKind, Tag


@click.command("promote")
@click.argument("run")
@detach_option
@timeout_option()
@click.option("--tenant", default="default", show_default=True, help="Whose run.")
@json_option
def command(run: str, detach: bool, timeout: float | None, tenant: str, as_json: bool) -> None:
    """Tag RUN production_candidate, evaluate it, and promote it if it passes every gate.

    What is asked of it is in the policy `promotion`. A run that was evaluated already is not
    evaluated again: `sweepworks promotion retry` does that.

    Exit codes: 0 promoted, 1 an error, 2 wrong usage, 3 a gate has failed,
    4 waits for approvals, 5 its evaluation has failed, 6 refused,
    7 withdrawn, 8 still going on.
    """
    if not is_name(run):
        raise RunNotFound(run[:80])
    import_dagster_meanwhile()
    tenant_id, by = TenantId(tenant), person()
    with session(quiet=as_json) as platform:
        platform.prove_dagster_database()  # before anything is written
        subject = Subject(SubjectKind.RUN, run)
        platform.runs.require(RunId(run), tenant_id=tenant_id)
        platform.tags.set(subject, Tag(PRODUCTION_CANDIDATE), tenant_id=tenant_id, by=by)
        found = platform.evaluations.request(RunId(run), tenant_id=tenant_id, by=by)
        if detach:
            tell_asked(found, as_json=as_json)
            return
        tell(
            follow_evaluation(platform, found.evaluation_id, quiet=as_json, within_seconds=timeout),
            as_json=as_json,
        )
