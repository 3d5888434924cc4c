"""What a person is told who submits a sweep, and what changes nothing about it."""

from collections.abc import Sequence

import click

from sweeps.graveyard.resemblance import Resemblance


def print_notes(notes: Sequence[str]) -> None:
    """What does not keep a sweep from being submitted, if there is anything."""
    for note in notes:
        click.echo(f"note: {note}", err=True)


def print_hints(alike: Sequence[Resemblance]) -> None:
    """Sweeps that have searched the same already, beside the output that programs read."""
    for one in alike:
        click.echo(f"hint: {one.sentence()}", err=True)
        click.echo(f"      sweepworks graveyard show {one.sweep_id}", err=True)
