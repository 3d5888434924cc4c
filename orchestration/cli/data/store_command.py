"""`sweepworks data store`: the artifact store keeps a version, too."""

import click

from orchestration.cli.data.stored import store
from orchestration.cli.gateways import gateway_connection, transfer_errors
from orchestration.cli.output import json_option, print_json
from orchestration.cli.progress import progress
from orchestration.cli.session import session
from sweeps.datasets import DatasetReference
from sweeps.ids import TenantId


@click.command("store")
@click.argument("version")
@click.option("--tenant", default="default", show_default=True, help="Whose dataset.")
@json_option
def command(version: str, tenant: str, as_json: bool) -> None:
    """Keep the files of VERSION, NAME@NUMBER, in the artifact store; NAME alone is its newest one.

    From then on scripts on other machines get it from there, and so does who has lost it. What the
    store has is not sent again. A cut upload goes on where it was when the command is repeated.
    """
    reference = DatasetReference.parse(version)
    with session(quiet=as_json) as platform:
        found = platform.datasets.get(reference, tenant_id=TenantId(tenant))
    with (
        gateway_connection(quiet=as_json) as connection,
        transfer_errors(str(found)),
        progress("storing", found.row.size_bytes) as on_sent,
    ):
        store(connection, found, on_sent=on_sent)
    if as_json:
        print_json({"dataset": str(found), "is_stored": True, "size_bytes": found.row.size_bytes})
    else:
        click.echo(
            f"{found}  {found.row.file_count} files, {found.row.size_bytes} bytes are stored"
        )
