"""`sweepworks quotas`: limits, and what is used of them."""

import click

from governance.quotas.file import QUOTAS
from governance.scheduling.report import usage_words
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session


@click.command("quotas")
@click.option("--tenant", help="Only this tenant.")
@json_option
def command(tenant: str | None, as_json: bool) -> None:
    """Limits of tenants and what is used of them, their shares, and what they used lately.

    The policy is changed with `sweepworks policy diff` and `apply`.
    """
    with session(quiet=as_json) as platform:
        policy = platform.policies.current(QUOTAS)
        report = platform.queue.report(tenant_id=tenant, limit=1)
    if as_json:
        print_json(
            {
                "policy_version": policy.version,
                "half_life": policy.value.usage.half_life,
                "classes": list(policy.value.classes.values()),
                "capacity": report.capacity,
                "tenants": report.tenants,
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
