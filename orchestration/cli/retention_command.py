"""`sweepworks retention`: what is to go, why, and when; and what nobody may touch."""

import datetime as dt
from pathlib import Path
from typing import Any

import click

from orchestration.cli.asking import confirm
from orchestration.cli.hold_command import hold_group
from orchestration.cli.output import as_json as json_text
from orchestration.cli.output import json_option, print_json
from orchestration.cli.retention_file import check_writable, read_plan_file
from orchestration.cli.retention_lines import print_plan, print_status, subject
from orchestration.cli.session import session
from orchestration.people import person
from retention.bytes_text import bytes_text
from retention.keeping import CarriedOut, ItemState
from sweeps.ids import TenantId

_SHOWN = 20
_LIMIT = click.IntRange(min=1)
_MOST_DIGITS = 18  # what the database counts in has 19


@click.group("retention")
def command() -> None:
    """What is to go, why, and when; and what nobody may touch.

    Nothing goes at once: `plan` says what would, `apply` marks it, and after the policy's grace
    period the daily schedule deletes it. Until then `undo` takes it back. The policy itself:
    `sweepworks policy show retention`.
    """


command.add_command(hold_group)


@command.command("plan")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=check_writable,
    help="Write the whole plan as JSON, for `apply`.",
)
@click.option("--limit", type=_LIMIT, default=_SHOWN, show_default=True, help="Items to print.")
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
        installation = keeper.owner.installation()
    document = {"installation": installation, "plan": made, "items": items}
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

    Of a file only what is in it: take out of its items what is to stay.
    What would not be planned any more, since somebody tagged it or the policy changed, is spared.
    What is marked goes after the grace period.
    """
    if as_json and not yes:
        raise click.UsageError("--json does not ask: add --yes")
    file = None if plan.isdecimal() else read_plan_file(Path(plan))
    number = _number(plan) if file is None else file.plan_id
    with session(quiet=as_json) as platform:
        keeper = platform.retention
        if file is not None and file.installation != (ours := keeper.owner.installation()):
            raise click.ClickException(
                f"{plan} is of installation {file.installation}, and this is {ours}:"
                " plans hold where they were made"
            )
        if not yes:
            print_plan(keeper.plans.get(number), keeper.plans.items(plan_id=number, limit=_SHOWN))
            confirm(
                f"mark what plan {number} names?"
                if file is None
                else f"mark what plan {number} names, of its {len(file.items):,} items in {plan}?"
            )
        policy = keeper.policy.value
        only = None if file is None else file.items
        applied = keeper.plans.apply(number, policy, who=person(), now=_now(), only=only)
        spared = [
            item
            for item in keeper.plans.items(plan_id=number, state=ItemState.SPARED)
            if item.spared_by is not None
        ]
    if as_json:
        print_json({"plan": applied, "spared": spared})
        return
    marked = applied.count(ItemState.MARKED)
    click.echo(f"marked  {marked:,} items of plan {number}")
    if applied.due_at is not None:
        click.echo(f"goes    {applied.due_at.astimezone():%Y-%m-%d %H:%M}")
    if (applied.summary.get("cold") or {}).get("classes"):
        click.echo("cold    with the next daily run, or sweepworks retention delete")
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
            count = plans.undo_plan(_number(target))
        else:
            run, _, name = target.partition("/")
            count = plans.undo_items(run, name or None)
    if as_json:
        print_json({"target": target, "undone": count})
    elif count:
        click.echo(f"{count:,} items stay")
    if not count:
        raise click.ClickException(f"nothing of {target} is marked: `sweepworks retention status`")


@command.command("status")
@click.option("--tenant", help="Only what is theirs.")
@click.option("--limit", type=_LIMIT, default=_SHOWN, show_default=True, help="Items to print.")
@json_option
def status_command(tenant: str | None, limit: int, as_json: bool) -> None:
    """Plans, what is marked with the day on which it goes, and what has gone."""
    tenant_id = None if tenant is None else TenantId(tenant)
    with session(quiet=as_json) as platform:
        keeper = platform.retention
        plans = keeper.plans.newest()
        marked = keeper.plans.items(
            state=ItemState.MARKED, tenant_id=tenant_id, limit=None if as_json else limit
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
    if done.moved:
        click.echo(
            f"moved      {done.moved:,} files, {bytes_text(done.moved_bytes)}, to a colder class"
        )
    if done.strays:
        click.echo(f"strays     {done.strays:,} files that no row knew of: they go in a week")


def _number(plan: str) -> int:
    """Of a plan, in digits."""
    if len(plan) > _MOST_DIGITS:
        raise click.ClickException(f"there is no plan {plan[:_MOST_DIGITS]}…: numbers are shorter")
    return int(plan)


def _print_spared(spared: list[Any]) -> None:
    counts: dict[str, int] = {}
    for item in spared:
        counts[item.spared_by] = counts.get(item.spared_by, 0) + 1
    for guard, count in sorted(counts.items()):
        click.echo(f"spared  {count:,}, {guard}")
    for item in spared[:_SHOWN]:
        click.echo(f"        {subject(item)}: {item.spared_by}")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
