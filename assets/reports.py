"""Reports of weeks and months as assets: one partition each; materializing one makes it anew."""

import datetime as dt
from dataclasses import asdict, dataclass

import dagster as dg

from assets.boundary import dagster_errors
from assets.partitions import MONTHS, WEEKS
from governance.periods import Period, Span
from governance.reports.composing import compose
from governance.reports.facts import ReportFacts
from governance.reports.markdown import markdown
from governance.reports.model import Report, Scope
from governance.reports.shelf import Form, KeptReport, ReportFile, ReportShelf

GROUP = "reports"
_RETRIES = dg.RetryPolicy(max_retries=3, delay=60)
_MADE_BY = "schedule"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A report, and where it is kept."""

    report: Report
    kept: KeptReport


def _report(name: str, partitions_def: dg.PartitionsDefinition, cut: Period) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=partitions_def,
        group_name=GROUP,
        kinds={"postgres"},
        retry_policy=_RETRIES,
        description=(
            "Cost, waste, failures and what came of it: of the installation, of each tenant, and a "
            "portfolio without names."
        ),
    )
    def report(
        context: dg.AssetExecutionContext,
        report_facts: dg.ResourceParam[ReportFacts],
        report_shelf: dg.ResourceParam[ReportShelf],
    ) -> dg.MaterializeResult:
        period = cut.span(dt.date.fromisoformat(context.partition_key))
        with dagster_errors():
            whole = _make(report_facts, report_shelf, period, Scope())
            portfolio = _make(report_facts, report_shelf, period, Scope(), is_portfolio=True)
            tenants = [
                _make(report_facts, report_shelf, period, Scope(tenant=tenant))
                for tenant in _tenants(report_facts, period)
            ]
        made = [whole, portfolio, *tenants]
        problems = [
            f"{one.report.title}: {problem}" for one in made for problem in one.report.problems
        ]
        for problem in problems:
            context.log.warning(problem)
        if all(section.problem is not None for section in whole.report.sections):
            raise dg.Failure("no section of the report could be made", metadata=_metadata(whole))
        return dg.MaterializeResult(
            metadata={
                **_metadata(whole),
                "portfolio": dg.MetadataValue.md(markdown(portfolio.report)),
                "tenants": dg.MetadataValue.int(len(tenants)),
                "problems": dg.MetadataValue.json(problems),
                "files": dg.MetadataValue.json([_document(one) for one in made]),
            }
        )

    return report


weekly_report = _report("weekly_report", WEEKS, Period.WEEK)
monthly_report = _report("monthly_report", MONTHS, Period.MONTH)


def _make(
    facts: ReportFacts,
    shelf: ReportShelf,
    period: Span,
    scope: Scope,
    *,
    is_portfolio: bool = False,
) -> _Made:
    now = dt.datetime.now(dt.UTC)
    report = compose(facts, scope, period, now=now, is_portfolio=is_portfolio)
    return _Made(report=report, kept=shelf.put(report, by=_MADE_BY))


def _tenants(facts: ReportFacts, period: Span) -> list[str]:
    """Those that did or spent something."""
    spent = {row.tenant for row in facts.spent(Scope(), period)}
    return sorted(spent | {row.tenant for row in facts.activity(Scope(), period)})


def _metadata(made: _Made) -> dict[str, dg.MetadataValue]:
    report, page = made.report, made.kept.files[Form.HTML]
    metadata: dict[str, dg.MetadataValue] = {
        "report": dg.MetadataValue.md(markdown(report)),
        "report_number": dg.MetadataValue.int(made.kept.report_id),
        "page": _place(page),
        "page_sha256": dg.MetadataValue.text(page.sha256),
    }
    numbers = {
        "cost_usd": ("cost", "cost"),
        "waste_usd": ("waste", "together"),
        "waste_share": ("waste", "of the cost"),
        "saved_by_early_stopping_usd": ("early_stopping", "saved, an estimate"),
        "failed_share": ("activity", "failed"),
    }
    for name, (section, figure) in numbers.items():
        value = report.figure(section, figure)
        if value is not None:
            metadata[name] = dg.MetadataValue.float(round(float(str(value)), 4))
    return metadata


def _place(file: ReportFile) -> dg.MetadataValue:
    if "://" in file.address:
        return dg.MetadataValue.url(file.address)
    return dg.MetadataValue.path(file.address)


def _document(made: _Made) -> dict[str, object]:
    return {
        "title": made.report.title,
        "report_number": made.kept.report_id,
        **{str(form): asdict(file) for form, file in made.kept.files.items()},
    }
