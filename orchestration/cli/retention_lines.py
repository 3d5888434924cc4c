"""Plans of retention for a terminal: bytes by rule as bars, items as a table."""

from collections.abc import Mapping, Sequence

import click

from orchestration.cli.output import print_table
from retention.bytes_text import bytes_text
from retention.cold_text import cold_lines
from retention.keeping import ItemState, PlanRow
from storage.retention.store import DeletionRow, ItemRow

_BAR = 30  # characters of the longest


def subject(item: ItemRow | DeletionRow) -> str:
    """What an item is, in a few words."""
    match item.kind:
        case "tier":
            return f"{item.name} of all runs"
        case "points":
            return f"points of {item.run_id}"
        case "cold" if isinstance(item, ItemRow):
            return f"{item.run_id}/{item.name} to {(item.storage_class or '').upper()}"
        case _:
            return f"{item.run_id}/{item.name}"


def print_plan(made: PlanRow, items: Sequence[ItemRow]) -> None:
    """What goes by rule, what is spared by what, and some items."""
    summary = made.summary
    by = f"policy version {made.policy_version}" if made.policy_version else "the default policy"
    click.echo(f"plan {made.plan_id} of {made.made_at.astimezone():%Y-%m-%d %H:%M}, by {by}")
    click.echo(f"of {summary['artifacts']:,} files of {summary['runs']:,} runs, "
               f"{bytes_text(summary['stored_bytes'])}")  # fmt: skip
    if summary["goes"]:
        click.echo("would go")
        print_bars(summary["goes"])
        click.echo(f"  the store gets back {bytes_text(summary['freed_bytes'])}")
    else:
        click.echo("nothing would go")
    if summary["spared"]:
        click.echo("is spared, though a rule names it")
        print_bars(summary["spared"])
    for tier, before in summary["tiers"].items():
        click.echo(
            f"  {tier}: from before {before[:16]}, {summary['exports']:,} runs exported first"
        )
    for line in cold_lines(summary):
        click.echo(line)
    going = [item for item in items if item.state == ItemState.PLANNED]
    if going:
        columns = ["what", "why", "bytes", "tenant", "experiment"]
        print_table(columns, [
            [subject(item), item.rule, item.size_bytes, item.tenant_id, item.experiment]
            for item in going
        ])  # fmt: skip
    if going and made.applied_at is None:
        click.echo(f"Mark it:  sweepworks retention apply {made.plan_id}")


def print_bars(shares: Mapping[str, Mapping[str, int]]) -> None:
    """Counts and bytes, the largest first."""
    most = max((share["bytes"] for share in shares.values()), default=0) or 1
    width = max((len(name) for name in shares), default=0)
    for name, share in sorted(shares.items(), key=lambda pair: (-pair[1]["bytes"], pair[0])):
        bar = "█" * round(_BAR * share["bytes"] / most) or "▏"
        click.echo(
            f"  {name:<{width}}  {bar:<{_BAR}}  {bytes_text(share['bytes']):>10}"
            f"  {share['count']:,} items"
        )


def print_status(
    plans: Sequence[PlanRow], marked: Sequence[ItemRow], gone: Sequence[DeletionRow]
) -> None:
    """Plans, what goes when, and what has gone."""
    if plans:
        print_table(
            ["plan", "made", "applied", *ItemState],
            [
                [plan.plan_id, plan.made_at, plan.applied_at, *map(plan.count, ItemState)]
                for plan in plans
            ],
        )
    else:
        click.echo("there is no plan; make one: sweepworks retention plan")
    if marked:
        click.echo("marked")
        rows = [[item.due_at, subject(item), item.rule, item.size_bytes] for item in marked]
        print_table(["goes", "what", "why", "bytes"], rows)
    if gone:
        click.echo("gone")
        rows = [[one.deleted_at, subject(one), one.rule, one.size_bytes] for one in gone]
        print_table(["on", "what", "why", "bytes"], rows)
