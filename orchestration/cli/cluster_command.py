"""`sweepworks cluster`: what runs in the cluster, and what is left there."""

import click

from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from orchestration.reaping import reap_cluster


@click.group("cluster")
def command() -> None:
    """The cluster that trials run in."""


@command.command("reap")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@json_option
def reap(dry_run: bool, as_json: bool) -> None:
    """Stop Jobs that no row knows, remove what was stopped long ago and pods that never leave.

    The schedule `reaped_cluster` does the same every ten minutes. Only what this installation has
    made is touched.
    """
    with session(quiet=as_json) as platform:
        found = reap_cluster(platform, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "reaped": found})
        return
    if found:
        rows = [[one.what, f"{one.namespace}/{one.name}", one.why] for one in found]
        print_table(["would be" if dry_run else "was", "what", "why"], rows)
    else:
        click.echo("everything is in order")
