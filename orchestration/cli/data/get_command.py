"""`sweepworks data get`: a version out of the artifact store."""

from pathlib import Path

import click
from sweepworks.artifacts import no_beat
from sweepworks.stored_data import bring_dataset

from orchestration.cli.data.stored import require_same
from orchestration.cli.gateways import PATIENCE_SECONDS, gateway_connection, transfer_errors
from orchestration.cli.output import json_option, print_json
from orchestration.cli.progress import progress
from orchestration.cli.session import session
from sweeps.datasets import DatasetNotFound, DatasetReference
from sweeps.ids import TenantId


@click.command("get")
@click.argument("version")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A new folder.  [default: the version's name]",
)
@click.option("--tenant", default="default", show_default=True, help="Whose dataset.")
@json_option
def command(version: str, output: Path | None, tenant: str, as_json: bool) -> None:
    """Fetch the files of VERSION, each verified, into a new folder.

    What was cut goes on where it was when the command is repeated: until all files are there, they
    are in FOLDER.incoming.
    `sweepworks data register NAME FOLDER` then makes that the place where the version is read.
    """
    reference = DatasetReference.parse(version)
    with session(quiet=as_json) as platform:
        found = platform.datasets.get(reference, tenant_id=TenantId(tenant))
    if not found.row.is_stored:
        raise DatasetNotFound(f"{found} in the artifact store")
    folder = output or Path(str(found))
    if folder.exists():
        raise click.ClickException(f"{folder} is there already; name another place with -o")
    incoming = folder.with_name(f"{folder.name}.incoming")
    with (
        gateway_connection(quiet=as_json) as connection,
        transfer_errors(str(found)),
        progress("fetching", found.row.size_bytes) as on_bytes,
    ):
        require_same(connection, found)
        place = bring_dataset(
            connection,
            f"/api/v1/datasets/{found}/files",
            incoming,
            cache=None,
            beat=no_beat,
            on_bytes=on_bytes,
            patience_seconds=PATIENCE_SECONDS,
        )
    incoming.rename(folder)
    place = folder / place.relative_to(incoming)
    if as_json:
        print_json({"dataset": str(found), "path": place.absolute(), "files": found.row.file_count})
    else:
        click.echo(f"{place}  {found.row.file_count} files, {found.row.size_bytes} bytes")
