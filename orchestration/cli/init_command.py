"""`sweepworks init`: something that works, to change into something of your own."""

from pathlib import Path

import click

from sweeps.errors import StateConflict

_TEMPLATES = Path(__file__).parent.parent / "templates"
_FILES = ("sweep.yaml", "train.py")


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def command(folder: Path) -> None:
    """Write FOLDER/sweep.yaml and FOLDER/train.py; nothing that exists is touched."""
    taken = [name for name in _FILES if (folder / name).exists()]
    if taken:
        raise StateConflict(f"{folder / taken[0]}", current="there already", asked="written anew")
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        (folder / name).write_text((_TEMPLATES / f"{name}.txt").read_text(encoding="utf-8"))
    click.echo(f"wrote {folder / 'sweep.yaml'} and {folder / 'train.py'}")
    click.echo(f"next: sweepworks run {folder / 'sweep.yaml'}")
