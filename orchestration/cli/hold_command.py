"""`sweepworks retention hold`: orders to keep something, whatever the policy says."""

import datetime as dt

import click

from governance.tenants import DEFAULT
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from orchestration.people import person
from orchestration.submission import tenants
from retention.world import HoldScope
from storage.retention.holds import HoldRow
from sweeps.ids import TenantId


@click.group("hold")
def hold_group() -> None:
    """Orders to keep something, whatever the policy says."""


@hold_group.command("add")
@click.argument("scope", type=click.Choice([scope.value for scope in HoldScope]))
@click.argument("name")
@click.option("--why", required=True, help="Who lifts it in a year has to know.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day, in UTC.")
@click.option("--tenant", show_default=DEFAULT, help="Whose it is; of a tenant, NAME says it.")
@json_option
def add_hold(
    scope: str, name: str, why: str, until: dt.datetime | None, tenant: str | None, as_json: bool
) -> None:
    """Keep NAME: a tenant, an experiment, a sweep, a run, a model or a dataset.

    Of a model or a dataset, NAME means all versions and NAME@N one; with a dataset stays every run
    that learnt from it. What is marked already is restored.
    """
    what = HoldScope(scope)
    whose = tenant or (name if what is HoldScope.TENANT else DEFAULT)
    end = None if until is None else _end_of(until)
    declared = {DEFAULT, *(one.name for one in tenants().all())}
    with session(quiet=as_json) as platform:
        placed = platform.holds.place(
            what,
            name,
            tenant_id=TenantId(whose),
            why=why,
            who=person(),
            until=end,
            declared=declared,
        )
    if as_json:
        print_json(placed)
    else:
        click.echo(f"hold {placed.hold_id}: {scope} {name} stays")


@hold_group.command("remove")
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@json_option
def remove_hold(number: int, as_json: bool) -> None:
    """Lift hold NUMBER; that it was there stays known."""
    with session(quiet=as_json) as platform:
        lifted = platform.holds.lift(number, who=person())
    if as_json:
        print_json(lifted)
    else:
        click.echo(
            f"hold {number} is lifted: {lifted.scope} {lifted.name} follows the policy again"
        )


@hold_group.command("list")
@click.option("--tenant", help="Only theirs.")
@click.option("--lifted", is_flag=True, help="Also those that were lifted.")
@json_option
def list_holds(tenant: str | None, lifted: bool, as_json: bool) -> None:
    """Holds, the newest first."""
    tenant_id = None if tenant is None else TenantId(tenant)
    with session(quiet=as_json) as platform:
        found = platform.holds.all(tenant_id=tenant_id, with_lifted=lifted)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("nothing is on hold")
    else:
        columns = ["hold", "tenant", "what", "name", "until", "by", "why"]
        print_table(columns, [_hold_row(hold) for hold in found])


def _hold_row(hold: HoldRow) -> list[object]:
    until = "lifted" if hold.lifted_at is not None else hold.until
    return [
        hold.hold_id, hold.tenant_id, hold.scope, hold.name, until, hold.placed_by, hold.why,
    ]  # fmt: skip


def _end_of(day: dt.datetime) -> dt.datetime:
    try:
        return day.replace(tzinfo=dt.UTC) + dt.timedelta(days=1)
    except OverflowError as exc:
        raise click.BadParameter(
            "there is no day after it; without --until it holds until somebody lifts it",
            param_hint="--until",
        ) from exc
