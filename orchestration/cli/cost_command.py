"""`sweepworks cost`: what was spent, on what, and how much of it for nothing."""

import datetime as dt

import click

from governance.cost.report import (
    CostSheet,
    CostSummary,
    GroupBy,
    sheet_document,
    summaries,
    total,
)
from governance.cost.trials import trial_costs
from orchestration.cli.cost_lines import sweep_lines, trials_document
from orchestration.cli.days import DAY
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.scopes import require_scope
from orchestration.cli.session import session
from orchestration.cli.targets import find_target
from sweeps.ids import RunId, is_scratch_run
from sweeps.money import dollars
from sweeps.trials import SweepSnapshot

_DAYS = 30
_EXAMPLES = (
    "these are at the example prices that ship; `sweepworks policy show prices` prints them, "
    "`sweepworks policy apply prices.yaml` makes yours hold"
)


@click.command("cost")
@click.argument("name", required=False)
@click.option(
    "--by",
    type=click.Choice([str(by) for by in GroupBy]),
    help="What to sum by; without it experiments, or the trials of a sweep.",
)
@click.option("--since", type=DAY, help="First day, UTC; 30 days ago.")
@click.option("--until", type=DAY, help="Last day, UTC; today.")
@click.option("--tenant", help="Whose; everybody's without it.")
@json_option
def command(
    name: str | None,
    by: str | None,
    since: dt.date | None,
    until: dt.date | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """What was spent, from the ledger and, for what it does not have yet, estimated.

    NAME is a sweep or a run: then it is all that this has ever cost.
    """
    if name is not None and (since or until or tenant):
        raise click.UsageError("a sweep or a run is shown whole: leave --since, --until, --tenant")
    now = dt.datetime.now(dt.UTC)
    if name is None:
        last = until or now.date()
        first = since or last - dt.timedelta(days=_DAYS - 1)
        if first > last:
            raise click.UsageError(f"{first} is after {last}")
        _show_all(GroupBy(by or "experiment"), first, last, tenant, now=now, as_json=as_json)
    elif is_scratch_run(name):
        _show_rerun(RunId(name), GroupBy(by or "day"), now=now, as_json=as_json)
    else:
        _show_one(name, GroupBy(by) if by else None, now=now, as_json=as_json)


def _show_all(
    by: GroupBy,
    first: dt.date,
    last: dt.date,
    tenant: str | None,
    *,
    now: dt.datetime,
    as_json: bool,
) -> None:
    from storage.cost.holdings import CostFilter

    with session(quiet=as_json) as platform:
        require_scope(platform, tenant=tenant)
        sheet = platform.cost_reader.sheet(
            by, since=first, until=last, of=CostFilter(tenant_id=tenant), now=now
        )
    if as_json:
        print_json({"since": str(first), "until": str(last), **sheet_document(sheet, by)})
        return
    click.echo(f"{first} to {last}, by {by}")
    _print(sheet, by)


def _show_rerun(run_id: RunId, by: GroupBy, *, now: dt.datetime, as_json: bool) -> None:
    """A run outside sweeps: of these only reruns hold anything."""
    from storage.cost.holdings import CostFilter

    with session(quiet=as_json) as platform:
        state = platform.runs.end_of(run_id, writer="").state
        sheet = platform.cost_reader.all_of(by, of=CostFilter(run_id=run_id), now=now)
    if as_json:
        print_json({"run": run_id, **sheet_document(sheet, by)})
    else:
        click.echo(f"{run_id}  {state}")
        _print(sheet, by)


def _show_one(name: str, by: GroupBy | None, *, now: dt.datetime, as_json: bool) -> None:
    """A sweep with its trials, or one of them."""
    from storage.cost.holdings import CostFilter
    from storage.cost.reader import spent_by_run, unpriced_runs

    with session(quiet=as_json) as platform:
        snapshot, trial = find_target(platform, name, None)
        sweep_id = snapshot.sweep.sweep_id
        of = CostFilter(sweep_id=sweep_id, run_id=None if trial is None else trial.run_id)
        sheet = platform.cost_reader.all_of(GroupBy.RUN, of=of, now=now)
        if trial is not None:
            by = by or GroupBy.DAY
        asked = None if by is None else platform.cost_reader.all_of(by, of=of, now=now)
    if trial is not None and asked is not None and by is not None:
        if as_json:
            print_json({"run": trial.run_id, **sheet_document(asked, by)})
        else:
            click.echo(f"{trial.run_id}  {trial.state}")
            _print(asked, by)
        return
    spec = snapshot.sweep.spec
    costs = trial_costs(
        snapshot.trials,
        spent=spent_by_run(sheet.lines),
        objective=spec.objective,
        scheduler=spec.strategy.scheduler,
        unpriced=unpriced_runs(sheet.lines),
    )
    if as_json:
        document = sheet_document(asked or sheet, by or GroupBy.RUN)
        print_json(
            {
                "sweep": sweep_id,
                **document,
                "trials": trials_document(costs, metric=spec.objective.metric),
            }
        )
        return
    click.echo(f"{sweep_id}  {snapshot.sweep.state}")
    if asked is not None and by is not None:
        _print(asked, by)
    else:
        _print_trials(snapshot, sheet)
    for line in sweep_lines(costs, total(sheet.lines)):
        click.echo(f"  {line}")


def _print(sheet: CostSheet, by: GroupBy) -> None:
    found = summaries(sheet.lines, by=by)
    if not found:
        click.echo("nothing was held")
        return
    rows = [_row(one.key or "-", one) for one in found]
    if len(found) > 1:
        rows.append(_row("all", total(sheet.lines)))
    print_table(
        [str(by), "cost", "estimated", "GPU-hours", "idle", "core-hours", "GiB-days", "failed"],
        rows,
    )
    _print_notes(sheet)


def _row(key: str, one: CostSummary) -> list[object]:
    return [
        key,
        dollars(one.amount_usd),
        dollars(one.estimate_usd) if one.estimate_usd else None,
        one.gpu_hours,
        None if one.waste_share is None else f"{one.waste_share:.0%}",
        one.core_hours,
        one.gib_days,
        None if one.lost_share is None else f"{one.lost_share:.0%}",
    ]


def _print_notes(sheet: CostSheet) -> None:
    found = total(sheet.lines)
    if found.estimate_usd:
        click.echo("  estimated: the ledger does not have it yet")
    if found.unpriced:
        click.echo(
            f"  {found.unpriced} entries have no price and are in no sum: `sweepworks policy show prices`"
        )
    if sheet.has_example_prices:
        click.echo(f"  {_EXAMPLES}")


def _print_trials(snapshot: SweepSnapshot, sheet: CostSheet) -> None:
    by_run = {one.key: one for one in summaries(sheet.lines, by=GroupBy.RUN)}
    metric = snapshot.sweep.spec.objective.metric
    rows: list[list[object]] = []
    for trial in snapshot.trials:
        one = by_run.get(trial.run_id, CostSummary(key=trial.run_id))
        rows.append([trial.number, trial.state, trial.objective, *_row("", one)[1:]])
    if stored := by_run.get(""):
        rows.append(["artifacts", None, None, *_row("", stored)[1:]])
    rows.append(["all", None, None, *_row("", total(sheet.lines))[1:]])
    print_table(
        ["trial", "state", metric, "cost", "estimated", "GPU-hours", "idle", "core-hours",
         "GiB-days", "failed"],
        rows,
    )  # fmt: skip
    _print_notes(sheet)
