"""`sweepworks tenants`: what the tenant file asks of the cluster."""

from collections.abc import Iterable
from typing import Any

import click

from compute.kubernetes.tenants.applying import Applied
from compute.kubernetes.tenants.live_objects import title_of
from compute.kubernetes.tenants.planning import ChangeKind
from orchestration.cli.change_lines import (
    as_yaml,
    change_document,
    print_change,
    print_refusal,
    removal_of,
)
from orchestration.cli.clusters import required_cluster
from orchestration.cli.output import json_option, print_json
from orchestration.settings import Settings
from orchestration.tenant_application import Application, look
from orchestration.tenant_sites import Rendering, render
from storage.tenant_file import TenantFile
from sweeps.errors import TransientError

_tenant_option = click.option("--tenant", help="Only this one's.")


@click.group("tenants")
def command() -> None:
    """Namespaces, quotas and rights of tenants in the cluster, as the tenant file says."""


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


@command.command("apply")
@_tenant_option
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def apply_command(tenant: str | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Bring the cluster to what the tenant file says; shows what changes, and asks.

    Objects that are not ours are left alone, and nothing is ever deleted. Exits with 1 when
    anything cannot be done.
    """
    if as_json and not (dry_run or yes):
        raise click.UsageError("--json does not ask: add --yes or --dry-run")
    settings = Settings.from_environment()
    rendering = _rendering(settings, tenant)
    application = look(required_cluster(settings), rendering, only=tenant)
    if not as_json:
        _show(application)
    applied: list[Applied] = []
    outage: TransientError | None = None
    if application.pending and not dry_run:
        if not yes:
            click.confirm(f"apply {_objects(application.pending)}?", abort=True)
        try:
            for one in application.apply():
                applied.append(one)
                if not as_json:
                    _print_applied(one)
        except TransientError as exc:
            outage = exc
    if as_json:
        print_json(_document(application, applied, rendering.notes, outage, dry_run=dry_run))
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


def _rendering(settings: Settings, tenant: str | None) -> Rendering:
    cluster = required_cluster(settings)
    directory = TenantFile(settings.tenants_file).read()
    rendering = render(settings, cluster, directory, only=tenant)
    for note in rendering.notes:
        click.echo(f"note: {note}", err=True)
    return rendering


def _show(application: Application) -> None:
    for change in application.changes:
        if change.kind is not ChangeKind.SAME:
            print_change(change)
    same = sum(change.kind is ChangeKind.SAME for change in application.changes)
    if same:
        click.echo(f"{'same':<8}{_objects(same)}")
    for group in application.groups:
        if group.is_refused:
            click.echo(f"nothing of tenant {group.tenant} is applied while something is refused")
    for obj in application.left:
        click.echo(f"{'left':<8}{title_of(obj)}: nobody asks for it; {removal_of(obj)}")
    for kind in application.unseen:
        click.echo(f"note: what is left was not looked for among {kind}", err=True)


def _print_applied(one: Applied) -> None:
    if one.is_done:
        click.echo(f"{'applied':<8}{title_of(one.change.obj)}")
    else:
        print_refusal(one.change.obj, one.why, one.mend)


def _document(
    application: Application,
    applied: Iterable[Applied],
    notes: list[str],
    outage: TransientError | None,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "changes": [change_document(change) for change in application.changes],
        "applied": [
            {
                "object": title_of(one.change.obj),
                "done": one.is_done,
                "why": one.why,
                "mend": one.mend,
            }
            for one in applied
        ],
        "left": [{"object": title_of(obj), "remove": removal_of(obj)} for obj in application.left],
        "notes": [*notes, *application.unseen],
        "error": None if outage is None else str(outage),
    }


def _objects(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"
