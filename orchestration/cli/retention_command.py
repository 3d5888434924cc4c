"""`sweepworks retention`: what is to go, why, and when; and what nobody may touch."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import click

from governance.tenants import DEFAULT
from orchestration.cli.asking import confirm
from orchestration.cli.output import as_json as json_text
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.retention_lines import print_plan, print_status, subject
from orchestration.cli.session import session
from orchestration.people import person
from orchestration.submission import tenants
from retention.keeping import CarriedOut
from retention.world import HoldScope
from storage.retention.holds import HoldRow
from sweeps.ids import TenantId

_SHOWN = 20


@click.group("retention")
def command() -> None:
    """What is to go, why, and when; and what nobody may touch.

    Nothing goes at once: `plan` says what would, `apply` marks it, and after the policy's grace
    period the daily schedule deletes it. Until then `undo` takes it back. The policy itself:
    `sweepworks policy show retention`.
    """


@command.command("plan")
@click.option("--out", type=click.Path(path_type=Path), help="Write the whole plan as JSON.")
@click.option("--limit", default=_SHOWN, show_default=True, help="Items to print.")
@json_option
def plan_command(out: Path | None, limit: int, as_json: bool) -> None:
    """Make a plan of what would go now, and keep it for `apply`; nothing changes."""
    with session(quiet=as_json) as platform:
        keeper = platform.retention
        policy = keeper.policy
        made = keeper.plans.make(
            policy.value, policy_version=policy.version, who=person(), now=_now()
        )
        whole = as_json or out is not None
        items = keeper.plans.items(plan_id=made.plan_id, limit=None if whole else limit)
    document = {"plan": made, "items": items}
    if out is not None:
        out.write_text(json_text(document) + "\n", encoding="utf-8")
    if as_json:
        print_json(document)
        return
    print_plan(made, items[:limit])
    if out is not None:
        click.echo(f"all of it is in {out}")


@command.command("apply")
@click.argument("plan", metavar="PLAN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def apply_command(plan: str, yes: bool, as_json: bool) -> None:
    """Mark what PLAN names: its number, or the file that `plan --out` wrote.

    What would not be planned any more, since somebody tagged it or the policy changed, is spared.
    What is marked goes after the grace period.
    """
    if as_json and not yes:
        raise click.UsageError("--json does not ask: add --yes")
    number = _number(plan)
    with session(quiet=as_json) as platform:
        keeper = platform.retention
        if not yes:
            print_plan(keeper.plans.get(number), keeper.plans.items(plan_id=number, limit=_SHOWN))
            confirm(f"mark what plan {number} names?")
        policy = keeper.policy.value
        applied = keeper.plans.apply(number, policy, who=person(), now=_now())
        spared = [
            item
            for item in keeper.plans.items(plan_id=number, state="spared")
            if item.spared_by is not None
        ]
    if as_json:
        print_json({"plan": applied, "spared": spared})
        return
    marked = applied.count("marked")
    click.echo(f"marked  {marked:,} items of plan {number}")
    if applied.due_at is not None:
        click.echo(f"goes    {applied.due_at.astimezone():%Y-%m-%d %H:%M}")
    _print_spared(spared)
    if marked:
        click.echo(f"Take it back until then:  sweepworks retention undo {number}")


@command.command("undo")
@click.argument("target", metavar="PLAN|RUN|RUN/NAME")
@json_option
def undo_command(target: str, as_json: bool) -> None:
    """Let what is marked stay: of a plan, of a run, or one artifact.

    The next plan will name it again; to keep it for good, tag its run keeper.
    """
    with session(quiet=as_json) as platform:
        plans = platform.retention.plans
        if target.isdecimal():
            count = plans.undo_plan(int(target))
        else:
            run, _, name = target.partition("/")
            count = plans.undo_items(run, name or None)
    if as_json:
        print_json({"target": target, "undone": count})
    else:
        click.echo(f"{count:,} items stay")
    if not count:
        raise click.exceptions.Exit(1)


@command.command("status")
@click.option("--tenant", help="Only what is theirs.")
@click.option("--limit", default=_SHOWN, show_default=True, help="Items to print.")
@json_option
def status_command(tenant: str | None, limit: int, as_json: bool) -> None:
    """Plans, what is marked with the day on which it goes, and what has gone."""
    tenant_id = None if tenant is None else TenantId(tenant)
    with session(quiet=as_json) as platform:
        keeper = platform.retention
        plans = keeper.plans.newest()
        marked = keeper.plans.items(
            state="marked", tenant_id=tenant_id, limit=None if as_json else limit
        )
        gone = keeper.plans.deletions(tenant_id=tenant_id, limit=limit)
    if as_json:
        print_json({"plans": plans, "marked": marked, "deletions": gone})
    else:
        print_status(plans, marked, gone)


@command.command("delete")
@click.option(
    "--take-over",
    is_flag=True,
    help="The artifact store was another installation's that is gone: it is this one's now.",
)
@click.option(
    "--with-strays",
    is_flag=True,
    help="Files that the database does not know of may go, however many they are.",
)
@json_option
def delete_command(take_over: bool, with_strays: bool, as_json: bool) -> None:
    """Do now what the daily schedule does: delete what is due, and collect what nobody refers to."""
    with session(quiet=as_json) as platform:
        if take_over:
            platform.retention.owner.take_over()
        done = platform.retention.carry_out(now=_now(), with_strays=with_strays)
    if as_json:
        print_json(done)
    else:
        _print_carried_out(done)
    if done.refused:
        raise click.ClickException(done.refused)


def _print_carried_out(done: CarriedOut) -> None:
    click.echo(f"deleted    {done.deleted:,} items")
    click.echo(
        f"restored   {done.restored:,}, which something guards, or no rule names, since they were marked"
    )
    click.echo(f"points     {done.tiers} tiers dropped, {done.exported_runs:,} runs exported")
    click.echo(f"collected  {done.collected:,} files that nothing refers to")

    if done.strays:
        click.echo(f"strays     {done.strays:,} files that no row knew of: they go in a week")


@command.group("hold")
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
@click.argument("number", type=int)
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


def _print_spared(spared: list[Any]) -> None:
    counts: dict[str, int] = {}
    for item in spared:
        counts[item.spared_by] = counts.get(item.spared_by, 0) + 1
    for guard, count in sorted(counts.items()):
        click.echo(f"spared  {count:,}, {guard}")
    for item in spared[:_SHOWN]:
        click.echo(f"        {subject(item)}: {item.spared_by}")


def _number(plan: str) -> int:
    if plan.isdecimal():
        return int(plan)
    path = Path(plan)
    if not path.is_file():
        raise click.UsageError(f"{plan} is neither the number of a plan nor a file")
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["plan"]["plan_id"])
    except (ValueError, KeyError, TypeError) as exc:
        raise click.UsageError(f"{plan} is no plan that `retention plan --out` wrote") from exc


def _end_of(day: dt.datetime) -> dt.datetime:
    try:
        return day.replace(tzinfo=dt.UTC) + dt.timedelta(days=1)
    except OverflowError as exc:
        raise click.BadParameter(
            "there is no day after it; without --until it holds until somebody lifts it",
            param_hint="--until",
        ) from exc


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
