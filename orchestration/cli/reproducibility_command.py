"""`sweepworks reproducibility`: which share of runs can be made again."""

import dataclasses
import datetime as dt

import click

from governance.lineage.reproducibility import by_period, reproducibility
from governance.lineage.rules import Scope, of_run
from governance.periods import Period
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from sweeps.errors import SweepNotFound
from sweeps.ids import SweepId, TenantId, is_name

_MOST_LINES = 10


@click.command("reproducibility")
@click.argument("sweep", required=False)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only runs that ended from then on; in UTC.",
)
@click.option(
    "--by",
    type=click.Choice([str(p) for p in Period if p is not Period.TOTAL]),
    default="week",
    show_default=True,
)
@click.option("--tenant", help="Only this one's.")
@json_option
def command(
    sweep: str | None, since: dt.datetime | None, by: str, tenant: str | None, as_json: bool
) -> None:
    """Of a sweep, or of all runs that have finished; and how that went over time."""
    if sweep is not None and not is_name(sweep):
        raise SweepNotFound(sweep[:80])
    scope = Scope(
        tenant_id=None if tenant is None else TenantId(tenant),
        sweep_id=None if sweep is None else SweepId(sweep),
        since=None if since is None else since.replace(tzinfo=dt.UTC),
    )
    with session(quiet=as_json) as platform:
        if scope.sweep_id is not None:
            platform.catalog.get(scope.sweep_id, tenant_id=scope.tenant_id)
        runs = platform.lineage_checks.finished(scope)
    report, periods = reproducibility(runs), by_period(runs, Period(by))
    findings = [finding for run in runs for finding in of_run(run)]
    if as_json:
        print_json(
            {
                **dataclasses.asdict(report),
                "captured_share": report.captured_share,
                "by": by,
                "periods": [
                    {
                        "begins": p.begins,
                        **dataclasses.asdict(p.report),
                        "captured_share": p.report.captured_share,
                    }
                    for p in periods
                ],
                "findings": findings,
            }
        )
        return
    if not report.runs:
        click.echo("no run has finished")
        return
    print_table(
        [f"of {report.runs} finished runs", "runs", "share"],
        [[name, count, f"{count / report.runs:.0%}"] for name, count in report.counts().items()],
    )
    if len(periods) > 1:
        print_table(
            [f"{by} of", "runs", "fully captured", "with changes", "unversioned data", "unseeded"],
            [
                [
                    period.begins,
                    period.report.runs,
                    *(
                        f"{count / period.report.runs:.0%}"
                        for count in (
                            period.report.captured,
                            period.report.dirty,
                            period.report.unversioned_data,
                            period.report.unseeded,
                        )
                    ),
                ]
                for period in periods
            ],
        )
    for finding in findings[:_MOST_LINES]:
        click.echo(f"{finding.object}: {finding.problem}\n  {finding.mend}")
    if len(findings) > _MOST_LINES:
        click.echo(f"… and {len(findings) - _MOST_LINES} more; --json has all")
