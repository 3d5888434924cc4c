"""`sweepworks tenants`: who there is, and what the tenant file asks of the cluster."""

import datetime as dt

import click

from compute.kubernetes.tenants.applying import Applied
from governance.tenant_inventory import document
from orchestration.cli.asking import confirm
from orchestration.cli.change_lines import as_yaml
from orchestration.cli.clusters import required_cluster
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.cli.tenant_entry_lines import print_entries, print_entry
from orchestration.cli.tenant_lines import (
    application_document,
    objects,
    print_application,
    print_applied,
)
from orchestration.cluster.tenant_application import Application, look
from orchestration.cluster.tenant_sites import Rendering, render
from orchestration.settings import Settings
from storage.tenant_file import TenantFile
from sweeps.errors import TransientError

_tenant_option = click.option("--tenant", help="Only this one's.")


@click.group("tenants")
def command() -> None:
    """Who there is, with contacts, needs and limits; and what the tenant file asks of the cluster."""


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All tenants: what each holds, waits for and has stored, and what is in its way."""
    with session(quiet=as_json) as platform:
        entries = platform.inventory.all(now=dt.datetime.now(dt.UTC))
    if as_json:
        print_json({"tenants": [document(one) for one in entries]})
    else:
        print_entries(entries)


@command.command("show")
@click.argument("name")
@json_option
def show_command(name: str, as_json: bool) -> None:
    """One tenant: contacts, members, limits and what is used of them, budgets, retention, sweeps."""
    with session(quiet=as_json) as platform:
        entry = platform.inventory.one(name, now=dt.datetime.now(dt.UTC), with_shared=True)
    if as_json:
        print_json(document(entry))
    else:
        print_entry(entry)


@command.command("render")
@_tenant_option
@click.option("--json", "as_json", is_flag=True, help="Print a List as JSON instead of YAML.")
def render_command(tenant: str | None, as_json: bool) -> None:
    """Print the objects of all tenants, for `kubectl apply` or a repository.

    The cluster is not asked for anything.
    """
    rendering = _rendering(Settings.from_environment(), tenant)
    if as_json:
        print_json({"apiVersion": "v1", "kind": "List", "items": rendering.objects})
    else:
        click.echo(as_yaml(*rendering.objects), nl=False)


@command.command("diff")
@_tenant_option
@click.option("--check", is_flag=True, help="Exit with 1 when anything differs.")
@json_option
def diff_command(tenant: str | None, check: bool, as_json: bool) -> None:
    """Show what applying would change, and what is left; change nothing.

    Exits with 1 when anything could not be done.
    """
    rendering, application = _looked(tenant)
    if as_json:
        print_json(application_document(application, notes=rendering.notes, dry_run=True))
    else:
        print_application(application)
    if application.refused or (check and application.differs):
        raise click.exceptions.Exit(1)


@command.command("apply")
@_tenant_option
@click.option("--dry-run", is_flag=True, help="Do what `diff` does.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def apply_command(
    context: click.Context, tenant: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Bring the cluster to what the tenant file says; shows what changes, and asks.

    Objects that are not ours are left alone, and nothing is ever deleted. Exits with 1 when
    anything cannot be done.
    """
    if dry_run:
        context.invoke(diff_command, tenant=tenant, check=False, as_json=as_json)
        return
    if as_json and not yes:
        raise click.UsageError("--json does not ask: add --yes or --dry-run")
    rendering, application = _looked(tenant)
    if not as_json:
        print_application(application)
    if application.pending and not yes:
        confirm(f"apply {objects(application.pending)}?")
    applied, outage = _applied(application, quiet=as_json)
    if as_json:
        print_json(
            application_document(
                application, notes=rendering.notes, dry_run=False, applied=applied, outage=outage
            )
        )
    elif outage is not None:
        click.echo(f"error: {outage}", err=True)
    failed = [one for one in applied if not one.is_done]
    if not as_json and (outage or failed):
        count = len(applied) - len(failed)
        click.echo(
            f"{count} of {application.pending} are applied; the same command goes on", err=True
        )
    if outage or failed or application.refused:
        raise click.exceptions.Exit(1)


def _applied(
    application: Application, *, quiet: bool
) -> tuple[list[Applied], TransientError | None]:
    """What was done, each printed when it is, and what has ended it before its time."""
    applied: list[Applied] = []
    try:
        for one in application.apply():
            applied.append(one)
            if not quiet:
                print_applied(one)
    except TransientError as exc:
        return applied, exc
    return applied, None


def _looked(tenant: str | None) -> tuple[Rendering, Application]:
    settings = Settings.from_environment()
    rendering = _rendering(settings, tenant)
    return rendering, look(required_cluster(settings), rendering, only=tenant)


def _rendering(settings: Settings, tenant: str | None) -> Rendering:
    cluster = required_cluster(settings)
    directory = TenantFile(settings.tenants_file).read()
    rendering = render(settings, cluster, directory, only=tenant)
    for note in rendering.notes:
        click.echo(f"note: {note}", err=True)
    return rendering
