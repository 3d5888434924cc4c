"""`sweepworks note`."""

import click

from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.people import person
from sweeps.ids import TenantId
from sweeps.tags import Note, TagChange, parse_subject

_NUMBER = click.IntRange(1, 2**63 - 1)  # of a note, as the database counts them


@click.command("note")
@click.argument("target")
@click.argument("text", required=False)
@click.option("--edit", type=_NUMBER, metavar="N", help="Write note N anew.")
@click.option("--remove", type=_NUMBER, metavar="N", help="Take note N back.")
@click.option("--tenant", default="default", show_default=True, help="Whose it is.")
@json_option
def command(
    target: str,
    text: str | None,
    edit: int | None,
    remove: int | None,
    tenant: str,
    as_json: bool,
) -> None:
    """Note TEXT about TARGET: a run, a sweep, or experiment:NAME. Without TEXT: what was noted.

    What a note said before it was written anew or taken back stays readable.
    """
    if edit is not None and (remove is not None or text is None):
        raise click.UsageError("--edit N takes the new TEXT, and no --remove")
    if remove is not None and text is not None:
        raise click.UsageError("--remove N takes no TEXT")
    subject, tenant_id, by = parse_subject(target), TenantId(tenant), person()
    with session(quiet=as_json) as platform:
        if edit is not None or remove is not None:
            number = edit if edit is not None else remove
            assert number is not None
            note = platform.notes.edit(subject, number, text, tenant_id=tenant_id, by=by)
        elif text is not None:
            note = platform.notes.add(subject, text, tenant_id=tenant_id, by=by)
        else:
            note = None
            current = platform.notes.annotations(subject, tenant_id=tenant_id).notes
            versions = [
                version
                for shown in current
                for version in platform.notes.versions(subject, shown.note_id, tenant_id=tenant_id)
            ]
            changes = platform.tags.changes(subject, tenant_id=tenant_id)
            if as_json:
                print_json({"notes": current, "versions": versions, "tag_changes": changes})
            else:
                _print_history(versions, changes)
            return
    if as_json:
        print_json(note)
    else:
        verb = "taken back" if not note.text else "noted" if note.version == 1 else "written anew"
        click.echo(f"note {note.note_id} {verb}")


def _print_history(versions: list[Note], changes: list[TagChange]) -> None:
    if not versions and not changes:
        click.echo("nothing is noted")
    newest = {note.note_id: note.version for note in versions}
    for note in versions:
        before = "" if note.version == newest[note.note_id] else ", before"
        click.echo(f"note {note.note_id}{before}  {note.author}, {note.written_at:%Y-%m-%d %H:%M}")
        for line in note.text.splitlines():
            click.echo(f"  {line}")
    for change in changes:
        what = (
            f"{change.name} removed"
            if change.value is None
            else f"{change.name}{'=' if change.value else ''}{change.value}"
        )
        by = change.changed_by or "its script"
        click.echo(f"tag  {what}  {by}, {change.changed_at:%Y-%m-%d %H:%M}")
