"""`sweepworks budget`: what may still be spent."""

import datetime as dt

import click

from governance.budgets.report import HEADINGS, document, outlook, rows
from governance.budgets.spending import BudgetPosition
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from sweeps.errors import SweepNotFound
from sweeps.ids import SweepId, is_name

_WARNINGS = dt.timedelta(days=31)


@click.command("budget")
@click.argument("sweep", required=False)
@click.option("--tenant", help="Only what may cover this one's sweeps.")
@json_option
def command(sweep: str | None, tenant: str | None, as_json: bool) -> None:
    """What is spent, reserved and left of every budget, or of those that cover SWEEP.

    Reserved is what live trials are predicted to cost from now on. Budgets are the policy
    `budgets`, and limits.max_cost_usd and limits.max_gpu_hours of sweeps.
    """
    if sweep is not None and not is_name(sweep):
        raise SweepNotFound(sweep[:80])
    now = dt.datetime.now(dt.UTC)
    with session(quiet=as_json) as platform:
        if sweep is not None:
            platform.catalog.get(SweepId(sweep), tenant_id=tenant)
            positions = platform.budgets.of_sweep(SweepId(sweep), now=now)
        else:
            positions = platform.budgets.positions(tenant=tenant, now=now)
        platform.budget_reports.note(positions)
        names = {one.budget.name for one in positions}
        told = [
            warning
            for warning in platform.budget_reports.warnings(since=now - _WARNINGS, tenant=tenant)
            if warning.budget in names
        ]
    if as_json:
        print_json({"budgets": [document(one) for one in positions], "warnings": told})
        return
    _print(positions, is_of_sweep=sweep is not None)
    for warning in told:
        click.echo(f"{warning.warned_at:%Y-%m-%d %H:%M} UTC  {warning.sentence}")


def _print(positions: list[BudgetPosition], *, is_of_sweep: bool) -> None:
    if not positions:
        whose = "no budget covers this sweep" if is_of_sweep else "there is no budget"
        click.echo(f"{whose}: see `sweepworks policy show budgets`")
        return
    print_table(HEADINGS, rows(positions))
    for one in positions:
        click.echo(f"{one.budget.name}: {outlook(one)}")
