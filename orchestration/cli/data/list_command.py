"""`sweepworks data list`: datasets and their versions."""

from dataclasses import asdict

import click

from orchestration.cli.data.words import size
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from sweeps.datasets import check_dataset_name
from sweeps.ids import TenantId


@click.command("list")
@click.argument("name", required=False)
@click.option("--tenant", default="default", show_default=True, help="Whose datasets.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
def command(name: str | None, tenant: str, limit: int, as_json: bool) -> None:
    """The newest version of every dataset; with NAME all versions of that one."""
    if name is not None:
        check_dataset_name(name)
    with session(quiet=as_json) as platform:
        rows = platform.datasets.versions(
            tenant_id=TenantId(tenant), name=name, latest=name is None, limit=limit
        )
    if as_json:
        print_json([{"version": row.version, **asdict(row)} for row in rows])
    elif not rows:
        click.echo("no datasets yet; `sweepworks data register NAME PATH`")
    else:
        print_table(
            ["dataset", "variant", "rows", "files", "size", "checks", "owner", "created"],
            [
                [
                    row.version,
                    row.variant,
                    row.row_count,
                    row.file_count,
                    size(row.size_bytes),
                    {None: "none", True: "passed", False: "failed"}[row.has_passed],
                    row.owner,
                    row.created_at,
                ]
                for row in rows
            ],
        )
