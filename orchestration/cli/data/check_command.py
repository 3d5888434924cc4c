"""`sweepworks data check`: a version against what is expected of it."""

import click

from orchestration.cli.data.watch import watching
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from sweeps.datasets import CheckResult, DatasetReference
from sweeps.ids import TenantId

_NOT_TOLD = {"severity", "sampled_rows", "rows"}  # the one is told before, the others in a sentence


@click.command("check")
@click.argument("version")
@click.option("--tenant", default="default", show_default=True, help="Whose dataset.")
@json_option
def command(version: str, tenant: str, as_json: bool) -> None:
    """Check VERSION, NAME@NUMBER or NAME: are its files what was registered, is its suite met?

    What was found is kept. Exits with 1 when a blocking expectation has failed: no sweep starts on
    that version then.
    """
    reference = DatasetReference.parse(version)
    with session(quiet=as_json) as platform:
        found = platform.datasets.get(reference, tenant_id=TenantId(tenant))
        with watching(quiet=as_json) as watch:
            watch.begin("hashing", found.row.size_bytes)
            look = platform.inspection.look(found, progress=watch.advance)
    if as_json:
        print_json({"version": str(found), "passed": not look.blocking, "look": look})
    else:
        print_table(
            ["expectation", "result", "details"],
            [[result.expectation, _result(result), _details(result)] for result in look.results],
        )
        if not look.suite_digest:
            click.echo(
                f"nothing is expected of it yet; `sweepworks data profile {found}` proposes a suite",
                err=True,
            )
    if look.blocking:
        raise click.exceptions.Exit(1)


def _result(result: CheckResult) -> str:
    if result.has_passed:
        return "passed on a sample" if "judged" in result.details else "passed"
    return "failed, blocks" if result.is_blocking else "failed"


def _details(result: CheckResult) -> str:
    if result.has_passed:
        return str(result.details.get("judged", ""))
    told = {name: value for name, value in result.details.items() if name not in _NOT_TOLD}
    return ", ".join(f"{name} {_short(value)}" for name, value in told.items())


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
