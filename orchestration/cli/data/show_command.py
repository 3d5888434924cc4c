"""`sweepworks data show`: what is in a version."""

import json

import click

from orchestration.cli.data.words import COLUMNS, column_line, size
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from sweeps.datasets import DatasetReference, DatasetVersion, Look
from sweeps.ids import TenantId

_MOST_FILES = 20
_SHORT = 12  # digits of a digest that a person reads


@click.command("show")
@click.argument("version")
@click.option("--tenant", default="default", show_default=True, help="Whose dataset.")
@json_option
def command(version: str, tenant: str, as_json: bool) -> None:
    """VERSION is NAME@NUMBER; NAME alone is its newest one. --json has every file and statistic."""
    reference = DatasetReference.parse(version)
    with session(quiet=as_json) as platform:
        found = platform.datasets.get(reference, tenant_id=TenantId(tenant))
        look = platform.datasets.newest_look(found.pinned())
    if as_json:
        print_json({"version": str(found), **document(found), "look": look})
    else:
        _print(found, look)


def document(version: DatasetVersion) -> dict[str, object]:
    """A version, for JSON."""
    return {
        "dataset": version.row,
        "source": version.source,
        "parents": version.parents,
        "preprocessing": version.preprocessing,
        "column_lineage": version.column_lineage,
        "statistics": version.profile,
        "files": version.files,
    }


def _print(version: DatasetVersion, look: Look | None) -> None:
    row = version.row
    rows = "" if row.row_count is None else f", {row.row_count} rows"
    click.echo(f"{version}  {row.variant}, of {row.owner} ({row.tenant_id})")
    if row.purpose:
        click.echo(f"  purpose    {row.purpose}")
    click.echo(f"  content    {row.file_count} files, {size(row.size_bytes)}{rows}")
    click.echo(f"  sha256     {row.content_hash}")
    click.echo(f"  location   {row.location}{', and the artifact store' if row.is_stored else ''}")
    click.echo(f"  registered {row.created_at.astimezone():%Y-%m-%d %H:%M} by {row.created_by}")
    for parent in version.parents:
        click.echo(f"  made from  {parent}")
    if version.source is not None:
        click.echo(f"  query      {version.source['query']}  (${version.source['url_variable']})")
    for step in version.preprocessing:
        options = f" {json.dumps(step['options'])}" if step["options"] else ""
        code = step["code"] or {}
        commit = f"  (commit {str(code['commit'])[:_SHORT]})" if code.get("commit") else ""
        click.echo(f"  step       {step['name']}{options}{commit}")
    _print_look(look)
    for note in version.profile.notes:
        click.echo(f"  note       {note}")
    if version.profile.columns:
        click.echo()
        print_table(COLUMNS, [column_line(column) for column in version.profile.columns])
    else:
        for file in version.files[:_MOST_FILES]:
            click.echo(f"  {file.sha256[:_SHORT]}  {size(file.size_bytes):>8}  {file.path}")
        if len(version.files) > _MOST_FILES:
            click.echo(f"  … and {len(version.files) - _MOST_FILES} more; --json has them all")


def _print_look(look: Look | None) -> None:
    if look is None:
        click.echo("  checks     none yet; `sweepworks data check` looks")
        return
    assert look.checked_at is not None  # it comes from the database
    n_good = sum(result.has_passed for result in look.results)
    blocks = "; no sweep starts on it" if look.blocking else ""
    click.echo(
        f"  checks     {n_good} of {len(look.results)} passed "
        f"({look.checked_at.astimezone():%Y-%m-%d %H:%M}){blocks}"
    )
    for result in look.results:
        if not result.has_passed:
            weight = "blocks" if result.is_blocking else "warns"
            click.echo(f"    {weight}: {result.expectation}")
