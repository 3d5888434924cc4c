"""`sweepworks sync`: what scripts left on disk, sent now."""

from pathlib import Path

import click
from sweepworks.resend import spools_in
from sweepworks.sync import Fate, Sync, Synced

from orchestration.cli.gateways import gateway
from orchestration.cli.output import json_option, print_json
from orchestration.cli.progress import progress
from orchestration.settings import Settings

_PATIENCE_SECONDS = 30.0  # a gateway that restarts, or is busy


@click.command("sync")
@click.argument(
    "folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--keep", is_flag=True, help="Leave the files where they are.")
@json_option
def command(folder: Path | None, keep: bool, as_json: bool) -> None:
    """Send what offline and scratch runs have left in FOLDER, by default the home's spool folder.

    Runs that never saw a gateway are made. Scripts that are alive are left alone, and what is
    stored already is not stored again: it may be called at any time, and again.

    Exits with 1 when something is not stored; what can be sent later stays where it is.
    """
    settings = Settings.from_environment()
    folder = settings.home.spool if folder is None else folder
    paths = [path for paths in spools_in(folder).values() for path in paths]
    synced: list[Synced] = []
    if paths:
        total = sum(path.stat().st_size for path in paths)
        with (
            gateway(settings, quiet=as_json) as (url, token),
            progress("sending", total) as on_sent,
        ):
            sync = Sync(url, token, keep=keep, patience_seconds=_PATIENCE_SECONDS, on_sent=on_sent)
            synced.extend(sync.folder(folder))
    if as_json:
        good = all(one.is_good for one in synced)
        print_json({"folder": folder, "good": good, "files": synced})
    else:
        _tell(folder, synced)
    if not all(one.is_good for one in synced):
        raise click.exceptions.Exit(1)


def _tell(folder: Path, synced: list[Synced]) -> None:
    if not synced:
        click.echo(f"nothing is left in {folder}")
    for one in synced:
        click.echo(f"{one.run}  {_said(one)}")
        for sentence in one.unstored:
            click.echo(f"  {sentence}")


def _said(one: Synced) -> str:
    match one.fate:
        case Fate.SENT:
            cut = "; its last batch was cut short and is left out" if one.is_cut else ""
            return f"sent: {one.batches} batches, {one.artifacts} artifacts{cut}"
        case Fate.LIVE:
            return "its script is alive, or somebody else sends it: left alone"
        case Fate.WAITING:
            return "not sent, or not all of it: try again later"
        case Fate.REFUSED:
            return "refused:"
        case Fate.CORRUPT:
            return "skipped:"
