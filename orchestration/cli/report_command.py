"""`sweepworks report`: what it cost, what was wasted, what came of it."""

import datetime as dt
from pathlib import Path

import click

from governance.cost.books import catch_up
from governance.periods import InvalidPeriod, Span, days_between, parse_span
from governance.reports.composing import compose
from governance.reports.html import page
from governance.reports.markdown import markdown
from governance.reports.model import Report, Scope
from orchestration.cli.output import as_json, print_json
from orchestration.cli.scopes import require_scope
from orchestration.cli.session import session
from orchestration.people import person
from orchestration.platform import Platform
from sweeps.ids import SweepId

_DEFAULT_PERIOD = "last-week"


@click.command("report")
@click.argument("sweep", required=False)
@click.option(
    "--period",
    help="2026-11, 2026-W47, 2026-Q4, 2026-11-02, 2026-11-02..2026-11-15, or last- or this- with "
    "week, month or quarter. A sweep's own time, or last week.",
)
@click.option("--tenant", help="Whose; everybody's when it is left out.")
@click.option("--experiment", help="Of which experiment.")
@click.option("--portfolio", is_flag=True, help="For leads: without names and parameters.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write files there.")
@click.option("--html", "form", flag_value="html", help="A page that needs nothing beside it.")
@click.option(
    "--markdown", "form", flag_value="markdown", help="Markdown; what is printed if not told."
)
@click.option("--json", "form", flag_value="json", help="All values, for programs.")
@click.option("--shelve", is_flag=True, help="Keep it: it is on the gateway's page /reports then.")
def command(
    sweep: str | None,
    period: str | None,
    tenant: str | None,
    experiment: str | None,
    portfolio: bool,
    out: Path | None,
    form: str | None,
    shelve: bool,
) -> None:
    """Cost, waste, the price of the best, failures and waiting, of a period or of SWEEP.

    With --out a page and Markdown are written, or what is asked for; else Markdown is printed. Weeks
    and months are made by themselves: the assets weekly_report and monthly_report.
    """
    if portfolio and (sweep or experiment):
        raise click.UsageError("--portfolio is about everybody, or about one tenant")
    scope = Scope(tenant=tenant, experiment=experiment, sweep_id=sweep)
    named = None if sweep is not None and period is None else _named(period or _DEFAULT_PERIOD)
    with session(quiet=form == "json") as platform:
        require_scope(platform, tenant=tenant, experiment=experiment)
        asked = named or _time_of(platform, scope)
        now = dt.datetime.now(dt.UTC)
        # Before a sweep's own time there is nothing of it to compare with.
        since = asked.first if named is None else asked.previous.first
        catch_up(platform.costs, since=since, until=asked.last, now=now)
        report = compose(
            platform.report_facts,
            scope,
            asked,
            now=now,
            is_portfolio=portfolio,
        )
        if shelve:
            kept = platform.report_shelf.put(report, by=person())
            click.echo(f"report {kept.report_id} is on the shelf", err=True)
    if out is not None:
        _write(report, out, form)
    elif form == "json":
        print_json(report)
    elif form == "html":
        click.echo(page(report))
    else:
        click.echo(markdown(report, with_charts=False))
    if all(section.problem is not None for section in report.sections):
        raise click.ClickException("no section of the report could be made")


def _named(period: str) -> Span:
    try:
        return parse_span(period, today=_today())
    except InvalidPeriod as exc:
        raise click.BadParameter(str(exc), param_hint="--period") from exc


def _time_of(platform: Platform, scope: Scope) -> Span:
    """From a sweep's first day to its last, or to today, however long it went on."""
    assert scope.sweep_id is not None
    row = platform.catalog.row(SweepId(scope.sweep_id), tenant_id=scope.tenant)
    last = _today() if row.ended_at is None else row.ended_at.astimezone(dt.UTC).date()
    first = row.created_at.astimezone(dt.UTC).date()
    return days_between(first, last)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _write(report: Report, folder: Path, form: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    kind = "portfolio" if report.is_portfolio else "report"
    named = (report.scope.tenant, report.scope.experiment, report.scope.sweep_id)
    name = "-".join([kind, report.period.name, *(_plain(part) for part in named if part)])
    if form in {None, "html"}:
        _save(folder / f"{name}.html", page(report))
    if form in {None, "markdown"}:
        _save(folder / f"{name}.md", markdown(report))
    if form == "json":
        _save(folder / f"{name}.json", as_json(report) + "\n")


def _save(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")
    click.echo(path)


def _plain(name: str) -> str:
    """A name as a part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)[:60]
