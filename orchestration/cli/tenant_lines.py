"""What the cluster has against the tenant file, for people and for programs."""

from collections.abc import Iterable, Sequence
from typing import Any

import click

from compute.kubernetes.tenants.applying import Applied
from compute.kubernetes.tenants.live_objects import title_of
from compute.kubernetes.tenants.planning import ChangeKind
from orchestration.cli.change_lines import change_document, print_change, print_refusal, removal_of
from orchestration.cluster.tenant_application import Application
from sweeps.errors import TransientError


def print_application(application: Application) -> None:
    """What would be done, and what is left."""
    for change in application.changes:
        if change.kind is not ChangeKind.SAME:
            print_change(change)
    same = sum(change.kind is ChangeKind.SAME for change in application.changes)
    if same:
        click.echo(f"{'same':<8}{objects(same)}")
    for group in application.groups:
        if group.is_refused:
            click.echo(f"nothing of tenant {group.tenant} is applied while something is refused")
    for obj in application.left:
        click.echo(f"{'left':<8}{title_of(obj)}: nobody asks for it; {removal_of(obj)}")
    for kind in application.unseen:
        click.echo(f"note: what is left was not looked for among {kind}", err=True)


def print_applied(one: Applied) -> None:
    """One object, as it went."""
    if one.is_done:
        click.echo(f"{'applied':<8}{title_of(one.change.obj)}")
    else:
        print_refusal(one.change.obj, one.why, one.mend)


def application_document(
    application: Application,
    *,
    notes: Sequence[str],
    dry_run: bool,
    applied: Iterable[Applied] = (),
    outage: TransientError | None = None,
) -> dict[str, Any]:
    """The same as JSON has it."""
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


def objects(count: int) -> str:
    """So many."""
    return f"{count} object{'' if count == 1 else 's'}"
