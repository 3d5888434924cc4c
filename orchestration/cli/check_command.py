"""`sweepworks check`: whether runs, their files and their lineage are what they have to be."""

import datetime as dt

import click

from governance.lineage.rules import Check, CheckReport, Sample, Scope
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from sweeps.errors import SweepNotFound
from sweeps.ids import SweepId, TenantId, is_name

_MOST_LINES = 20  # of one check, in a terminal


@click.command("check")
@click.option("--sweep", help="Only what has to do with this sweep.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only runs that ended, and edges that were made, from then on; in UTC.",
)
@click.option(
    "--sample",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Files to read and hash.",
)
@click.option("--seed", help="Takes the same files again; otherwise those of today.")
@click.option("--only", type=click.Choice([str(c) for c in Check]), multiple=True, help="Not all.")
@click.option("--tenant", help="Only this one's.")
@json_option
def command(
    sweep: str | None,
    since: dt.datetime | None,
    sample: int,
    seed: str | None,
    only: tuple[str, ...],
    tenant: str | None,
    as_json: bool,
) -> None:
    """Ends with code 1 when anything is wrong; each finding says how to mend it."""
    if sweep is not None and not is_name(sweep):
        raise SweepNotFound(sweep[:80])
    scope = Scope(
        tenant_id=None if tenant is None else TenantId(tenant),
        sweep_id=None if sweep is None else SweepId(sweep),
        since=None if since is None else since.replace(tzinfo=dt.UTC),
    )
    today = dt.datetime.now(dt.UTC).date().isoformat()
    chosen = Sample(files=sample, seed=today if seed is None else seed)
    with session(quiet=as_json) as platform:
        if scope.sweep_id is not None:
            platform.catalog.get(scope.sweep_id, tenant_id=scope.tenant_id)
        reports = [
            platform.lineage_checks.look(check, scope, sample=chosen)
            for check in Check
            if not only or check in only
        ]
    if as_json:
        print_json([_document(report) for report in reports])
    else:
        for report in reports:
            _print(report)
    if not all(report.has_passed for report in reports):
        raise click.exceptions.Exit(1)


def _document(report: CheckReport) -> dict[str, object]:
    return {
        "check": report.check,
        "passed": report.has_passed,
        "looked_at": report.looked_at,
        "hashed": report.hashed,
        "n_findings": report.n_findings,
        "findings": list(report.findings),
    }


def _print(report: CheckReport) -> None:
    hashed = f", {report.hashed} of them hashed" if report.check is Check.BLOBS else ""
    verdict = "good" if report.has_passed else f"{report.n_findings} findings"
    name = report.check.replace("_", " ")
    click.echo(f"{name}: {verdict} ({report.looked_at} looked at{hashed})")
    for finding in report.findings[:_MOST_LINES]:
        click.echo(f"  {finding.object}: {finding.problem}\n    {finding.mend}")
    if report.n_findings > _MOST_LINES:
        click.echo(f"  … and {report.n_findings - _MOST_LINES} more")
