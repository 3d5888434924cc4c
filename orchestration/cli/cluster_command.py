"""`sweepworks cluster`: what runs in the cluster, and what is left there."""

import click

from orchestration.cli.clusters import required_cluster
from orchestration.cli.finding_lines import tell
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from orchestration.cluster.check import examine_cluster
from orchestration.cluster.reaping import reap_cluster
from orchestration.cluster.tenant_policies import TenantPolicies
from orchestration.settings import Settings
from storage.tenant_file import TenantFile


@click.group("cluster")
def command() -> None:
    """The cluster that trials run in."""


@command.command("check")
@click.option("--tenant", default="default", show_default=True, help="Whose namespace.")
@click.option("--image", default="", help="Of the test Job; SWEEPWORKS_K8S_IMAGE by default.")
@click.option("--gpus", type=click.IntRange(0, 64), default=0, show_default=True,
              help="That the test Job asks for.")  # fmt: skip
@click.option("--wait", type=click.FloatRange(0, 3600), default=120.0, show_default=True,
              help="Seconds for the test Job; 0 makes none.")  # fmt: skip
@json_option
def check(tenant: str, image: str, gpus: int, wait: float, as_json: bool) -> None:
    """Credentials, quotas, GPUs, and a test Job from its making to its log to its removal.

    Needs no database. Exits with 1 when something is wrong.
    """
    settings = Settings.from_environment()
    cluster = required_cluster(settings)
    findings = examine_cluster(
        cluster,
        policies=TenantPolicies(cluster, TenantFile(settings.tenants_file).read),
        tenant_id=tenant,
        image=image,
        gpus=gpus,
        wait_seconds=wait,
    )
    tell(findings, as_json=as_json)


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
