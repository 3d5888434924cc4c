"""`sweepworks quotas`: limits, what is used of them, and what they keep from starting."""

import click

from governance.quotas.escalations import check_acknowledgement, document
from governance.quotas.file import QUOTAS
from governance.scheduling.report import usage_words
from orchestration.cli.escalation_lines import print_escalations
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from orchestration.people import person


@click.group("quotas", invoke_without_command=True)
@click.option("--tenant", help="Only this tenant.")
@json_option
@click.pass_context
def command(context: click.Context, tenant: str | None, as_json: bool) -> None:
    """Limits of tenants and what is used of them, their shares, and what they used lately.

    The policy is changed with `sweepworks policy diff` and `apply`.
    """
    if context.invoked_subcommand is None:
        _show(tenant, as_json=as_json)
    elif tenant is not None or as_json:
        raise click.UsageError(f"write options behind `{context.invoked_subcommand}`")


@command.command("escalations")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--all", "with_ended", is_flag=True, help="Also those that are over.")
@json_option
def escalations_command(tenant: str | None, with_ended: bool, as_json: bool) -> None:
    """What limits keep from starting, and who holds more than one allows: since when, who was told.

    The daemon of `sweepworks up` notices and tells, by `escalation` of the policy `quotas`.
    """
    with session(quiet=as_json) as platform:
        found = platform.escalations.list(tenant=tenant, with_ended=with_ended)
    if as_json:
        print_json({"escalations": [document(one) for one in found]})
    else:
        print_escalations(found)


@command.command("acknowledge")
@click.argument("escalation", type=int)
@click.option("--comment", "-m", required=True, help="What is done about it; kept.")
@json_option
def acknowledge_command(escalation: int, comment: str, as_json: bool) -> None:
    """Say that somebody looks after ESCALATION: nobody is told of it any more."""
    check_acknowledgement(comment, by=person())  # before anything is started
    with session(quiet=as_json) as platform:
        platform.escalations.acknowledge(escalation, by=person(), comment=comment)
    if as_json:
        print_json({"escalation": escalation, "acknowledged_by": person()})
    else:
        click.echo(f"acknowledged  {escalation}")


def _show(tenant: str | None, *, as_json: bool) -> None:
    with session(quiet=as_json) as platform:
        policy = platform.policies.current(QUOTAS)
        report = platform.queue.report(tenant_id=tenant, limit=1)
        still_open = platform.escalations.list(tenant=tenant)
    if as_json:
        print_json(
            {
                "policy_version": policy.version,
                "half_life": policy.value.usage.half_life,
                "classes": list(policy.value.classes.values()),
                "capacity": report.capacity,
                "tenants": report.tenants,
                "escalations": [document(one) for one in still_open],
            }
        )
        return
    which = f"version {policy.version}" if policy.version else "the one that ships"
    click.echo(f"policy quotas: {which}")
    names = ", ".join(
        f"{one.name} ({one.value})"
        for one in sorted(policy.value.classes.values(), key=lambda one: -one.value)
    )
    click.echo(f"  priority   {names}")
    for bound in report.capacity:
        click.echo(f"  capacity   {bound.words} in use")
    print_table(
        ["tenant", "weight", "share", "holds", "used lately", "limits"],
        [
            [
                one.tenant_id,
                one.weight,
                one.share,
                one.held.words,
                usage_words(one.used),
                ", ".join(bound.words for bound in one.limits) or "none",
            ]
            for one in report.tenants
        ],
    )
    for one in still_open:
        click.echo(f"escalation {one.escalation_id}: {one.what}; {one.standing}")
