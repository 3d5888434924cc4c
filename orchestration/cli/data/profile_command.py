"""`sweepworks data profile`: a first suite of expectations."""

from pathlib import Path

import click

from orchestration.cli.session import session
from storage.datasets.proposals import propose_suite
from sweeps.datasets import DatasetReference
from sweeps.ids import TenantId


@click.command("profile")
@click.argument("version")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="A file instead; - for the terminal."
)
@click.option("--tenant", default="default", show_default=True, help="Whose dataset.")
def command(version: str, output: Path | None, tenant: str) -> None:
    """Propose what to expect of a dataset, from what is in VERSION: NAME@NUMBER, or NAME.

    Written to governance/expectations/NAME.yaml (SWEEPWORKS_EXPECTATIONS is another folder) for you
    to read and change; a file that is there stands.
    """
    reference = DatasetReference.parse(version)
    with session() as platform:
        found = platform.datasets.get(reference, tenant_id=TenantId(tenant))
        text = propose_suite(found)
        if output is None:
            output = platform.suites.propose(found.row.name, text, tenant_id=TenantId(tenant))
        elif str(output) == "-":
            click.echo(text, nl=False)
            return
        else:
            with output.open("x", encoding="utf-8") as opened:
                opened.write(text)
    click.echo(str(output))
    click.echo(f"read it, change it, then: sweepworks data check {found}", err=True)
