"""`sweepworks promotion`: evaluations of candidates, looked at, approved, asked for again."""

import click

from governance.promotion.approvals import check_rejection, check_word
from governance.promotion.evaluations import Evaluation, EvaluationState
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.promotion_follow import (
    detach_option,
    follow_evaluation,
    tell,
    tell_asked,
    timeout_option,
)
from orchestration.cli.promotion_lines import document, explain_lines
from orchestration.cli.session import import_dagster_meanwhile, session
from orchestration.people import person
from orchestration.platform import Platform
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, TenantId, is_name
from sweeps.tags import PRODUCTION_CANDIDATE, Subject, SubjectKind, Tag

_JUDGING_SECONDS = 120.0  # that a judgement without runs may take

tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose.")


@click.group("promotion")
def command() -> None:
    """Candidates for production: what became of them, and why."""


@command.command("list")
@click.option("--state", type=click.Choice([str(state) for state in EvaluationState]))
@click.option("--model", help="Of one model.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@tenant_option
@json_option
def list_command(
    state: str | None, model: str | None, limit: int, tenant: str, as_json: bool
) -> None:
    """Evaluations, newest first."""
    with session(quiet=as_json) as platform:
        found = platform.evaluations.list(
            tenant_id=TenantId(tenant),
            state=None if state is None else EvaluationState(state),
            model=model,
            limit=limit,
        )
    if as_json:
        print_json(found)
    elif not found:
        click.echo("nothing was evaluated yet; `sweepworks promote RUN` begins")
    else:
        columns = ["candidate", "evaluation", "model", "state", "by", "requested", "why"]
        print_table(columns, [_row(one) for one in found])


def _row(one: Evaluation) -> list[object]:
    return [one.run_id, one.number, one.model, one.state, one.requested_by, one.requested_at,
            one.reason[:100]]  # fmt: skip


@command.command("show")
@click.argument("run")
@tenant_option
@json_option
def show_command(run: str, tenant: str, as_json: bool) -> None:
    """All evaluations of RUN, newest first."""
    with session(quiet=as_json) as platform:
        newest = _newest(platform, run, tenant)
        found = platform.evaluations.list(tenant_id=TenantId(tenant), run_id=newest.run_id)
    if as_json:
        print_json(found)
    else:
        columns = ["candidate", "evaluation", "model", "state", "by", "requested", "why"]
        print_table(columns, [_row(one) for one in found])


@command.command("explain")
@click.argument("run")
@tenant_option
@json_option
def explain_command(run: str, tenant: str, as_json: bool) -> None:
    """Why RUN was promoted, or not: every gate, what it asks, what was found, from which runs."""
    with session(quiet=as_json) as platform:
        record = platform.evaluations.record(_newest(platform, run, tenant).evaluation_id)
    if as_json:
        print_json(document(record))
        return
    for line in explain_lines(record):
        click.echo(line)


@command.command("approve")
@click.argument("run")
@click.option("--comment", "-m", default="", help="Kept with it.")
@detach_option
@timeout_option(_JUDGING_SECONDS)
@tenant_option
@json_option
def approve_command(
    run: str, comment: str, detach: bool, timeout: float | None, tenant: str, as_json: bool
) -> None:
    """Say that RUN may go to production. Who owns it cannot.

    Its gates are judged anew, from the runs that there are. Exits as `sweepworks promote` does.
    """
    import_dagster_meanwhile()
    by = person()
    with session(quiet=as_json) as platform:
        found = _newest(platform, run, tenant)
        owners = platform.candidates.candidate(found.run_id, tenant_id=found.tenant_id).owners
        check_word(found, owners=owners, by=by)
        platform.evaluations.approve(found.evaluation_id, by=by, comment=comment)
        if detach:
            tell_asked(found, as_json=as_json, said=f"approved by {by}")
            return
        record = follow_evaluation(
            platform, found.evaluation_id, quiet=as_json, within_seconds=timeout
        )
        tell(record, as_json=as_json)


@command.command("reject")
@click.argument("run")
@click.option("--comment", "-m", required=True, help="Why; kept with it.")
@tenant_option
@json_option
def reject_command(run: str, comment: str, tenant: str, as_json: bool) -> None:
    """Say that RUN must not go to production: whoever might approve it can, while it waits for that.

    Exits with 3, as after a gate that has failed.
    """
    by = person()
    with session(quiet=as_json) as platform:
        found = _newest(platform, run, tenant)
        owners = platform.candidates.candidate(found.run_id, tenant_id=found.tenant_id).owners
        check_rejection(found, owners=owners, by=by, comment=comment)
        platform.evaluations.reject(found.evaluation_id, by=by, comment=comment)
        tell(platform.evaluations.record(found.evaluation_id), as_json=as_json)


@command.command("retry")
@click.argument("run")
@detach_option
@timeout_option()
@tenant_option
@json_option
def retry_command(
    run: str, detach: bool, timeout: float | None, tenant: str, as_json: bool
) -> None:
    """Evaluate RUN again, by the policy as it is now. Exits as `sweepworks promote` does.

    What is in production already is not evaluated again.
    """
    import_dagster_meanwhile()
    tenant_id, by = TenantId(tenant), person()
    with session(quiet=as_json) as platform:
        found = _newest(platform, run, tenant)
        subject = Subject(SubjectKind.RUN, found.run_id)
        platform.tags.set(subject, Tag(PRODUCTION_CANDIDATE), tenant_id=tenant_id, by=by)
        from orchestration.promotion.evaluations import PlatformEvaluations

        again = PlatformEvaluations(platform).request_again(found, by=by)
        if again == found and not as_json:
            click.echo(
                f"{found.run_id} is not evaluated again: {found.reason or found.state}", err=True
            )
        if detach:
            tell_asked(again, as_json=as_json)
            return
        record = follow_evaluation(
            platform, again.evaluation_id, quiet=as_json, within_seconds=timeout
        )
        tell(record, as_json=as_json)


def _newest(platform: Platform, run: str, tenant: str) -> Evaluation:
    if not is_name(run):
        raise RunNotFound(run[:80])
    return platform.evaluations.newest(RunId(run), tenant_id=TenantId(tenant))
