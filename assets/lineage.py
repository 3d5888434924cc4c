"""Lineage as an asset, and its checks.

Materializing it writes digests of sealed runs down, and shows how many runs can be made again. The
checks look at all runs, files and edges. Automation: the schedule `checked_lineage`, nothing else.
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from assets.boundary import dagster_errors
from assets.share_plot import share_plot
from governance.lineage.reproducibility import PeriodReport, by_period, markdown, reproducibility
from governance.lineage.rules import Check, CheckReport, LineageChecks, Sample, Scope
from governance.periods import Period

_RETRIES = dg.RetryPolicy(max_retries=3, delay=20)
_EXAMPLES = 20  # findings in the UI; `sweepworks check` prints more
#: What is wrong with a record is an error; a run that cannot be made again is its owner's matter.
_SEVERITY = {Check.RUNS: dg.AssetCheckSeverity.WARN}
_WORDS = {
    Check.RUNS: "Of every finished run, code, data, environment and seeds are recorded.",
    Check.BLOBS: "The bytes of every artifact are in the store, as many as they were; some are hashed.",
    Check.EDGES: "What every edge of the lineage leads to is there.",
    Check.MODELS: "Every version of a model came out of runs whose code is recorded, and of data.",
    Check.DIGESTS: "Sealed runs are what they were when they were sealed.",
}


class ReportConfig(dg.Config):
    """How far back the report goes."""

    weeks: int = Field(default=26, ge=1, description="Of runs that are counted.")


@dg.asset(
    group_name="governance",
    kinds={"postgres"},
    retry_policy=_RETRIES,
    description="What came out of what, and whether it can be made again.",
)
def lineage(
    config: ReportConfig, lineage_checks: dg.ResourceParam[LineageChecks]
) -> dg.MaterializeResult:
    """Write digests of runs down that were sealed meanwhile; count what can be made again."""
    since = dt.datetime.now(dt.UTC) - dt.timedelta(weeks=config.weeks)
    with dagster_errors():
        digests = lineage_checks.record_digests()
        runs = lineage_checks.finished(Scope(since=since))
    report = reproducibility(runs)
    metadata: dict[str, dg.MetadataValue] = {
        "new_digests": dg.MetadataValue.int(digests),
        "finished_runs": dg.MetadataValue.int(report.runs),
        "reproducibility": dg.MetadataValue.md(markdown(report)),
    }
    if report.captured_share is not None:
        weeks = by_period(runs, Period.WEEK)
        metadata["captured_share"] = dg.MetadataValue.float(round(report.captured_share, 4))
        metadata["captured_share_by_week"] = dg.MetadataValue.md(_plot(weeks))
        metadata["by_week"] = _table(weeks)
    return dg.MaterializeResult(metadata=metadata)


def _check(check: Check) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=lineage, name=str(check), description=_WORDS[check])
    def look(lineage_checks: dg.ResourceParam[LineageChecks]) -> dg.AssetCheckResult:
        today = dt.datetime.now(dt.UTC).date().isoformat()  # other files every day
        with dagster_errors():
            report = lineage_checks.look(check, Scope(), sample=Sample(seed=today))
        return dg.AssetCheckResult(
            passed=report.has_passed,
            severity=_SEVERITY.get(check, dg.AssetCheckSeverity.ERROR),
            description=str(report.findings[0]) if report.findings else None,
            metadata=_found(report),
        )

    return look


CHECKS = [_check(check) for check in Check]


def _found(report: CheckReport) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "looked_at": dg.MetadataValue.int(report.looked_at),
        "findings": dg.MetadataValue.int(report.n_findings),
    }
    if report.check is Check.BLOBS:
        metadata["hashed"] = dg.MetadataValue.int(report.hashed)
    if report.findings:
        metadata["first_findings"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "tenant": finding.tenant_id,
                        "object": finding.object,
                        "problem": finding.problem,
                        "mend": finding.mend,
                    }
                )
                for finding in report.findings[:_EXAMPLES]
            ]
        )
    return metadata


def _table(weeks: Sequence[PeriodReport]) -> dg.MetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "week of": week.begins.isoformat(),
                    "finished runs": week.report.runs,
                    **week.report.counts(),
                }
            )
            for week in weeks
        ]
    )


def _plot(weeks: Sequence[PeriodReport]) -> str:
    points = [(week.begins, week.report.captured_share or 0.0) for week in weeks]
    return share_plot(points, title="share of finished runs that are fully captured, by week")
