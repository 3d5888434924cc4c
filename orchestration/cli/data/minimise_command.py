"""`sweepworks data minimise`: a version with less of persons in it."""

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

import click

from governance.datasets.minimisation import Minimisation
from orchestration.cli.data.partitions import announce
from orchestration.cli.data.watch import watching
from orchestration.cli.data.words import added
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.people import person
from storage.datasets.minimising import minimise
from storage.datasets.registration import with_code, with_files
from sweeps.data_profiles import Profile
from sweeps.datasets import (
    DatasetKind,
    DatasetReference,
    DatasetVariant,
    VersionDraft,
    check_dataset_name,
)
from sweeps.ids import TenantId


@click.command("minimise")
@click.argument("version")
@click.option("--drop", multiple=True, help="A column that goes.")
@click.option("--hash", "hashed", multiple=True, help="A column that becomes pseudonyms.")
@click.option("--bucket", "buckets", multiple=True, metavar="COLUMN=WIDTH", help="Rounded down.")
@click.option(
    "--sample",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    help="Share of the rows that stays.  [default: all]",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of --sample."
)
@click.option(
    "--as", "name", help="Dataset that it becomes a version of.  [default: NAME-minimised]"
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="New folder.")
@click.option("--owner", help="Who answers for it; you, by default.")
@click.option("--purpose", default="", help="What it is for.")
@click.option("--tenant", default="default", show_default=True, help="Whose dataset.")
@json_option
def command(
    version: str,
    drop: Sequence[str],
    hashed: Sequence[str],
    buckets: Sequence[str],
    sample: float,
    seed: int,
    name: str | None,
    output: Path,
    owner: str | None,
    purpose: str,
    tenant: str,
    as_json: bool,
) -> None:
    """Write the tables of VERSION anew with less in them, and register what comes out.

    Pseudonyms are the same for the same value in everything that this installation makes, and made
    with its key: without that, nobody can try out guesses. Files that are no tables are left out.
    """
    reference = DatasetReference.parse(version)
    asked = Minimisation(
        drop=tuple(drop), hash=tuple(hashed), bucket=_widths(buckets), sample=sample, seed=seed
    )
    if asked.is_nothing():
        raise click.UsageError("give --drop, --hash, --bucket or --sample")
    name = check_dataset_name(name or f"{reference.name}-minimised")
    tenant_id = TenantId(tenant)
    with session(quiet=as_json) as platform:
        parent = platform.datasets.get(reference, tenant_id=tenant_id)
        key = hmac.new(
            platform.settings.signing_key(), f"data:{tenant}".encode(), hashlib.sha256
        ).digest()
        with watching(quiet=as_json) as watch:
            watch.begin("writing", parent.row.size_bytes)
            left_out = minimise(parent, asked, folder=output, key=key, progress=watch.advance)
            draft = with_files(
                VersionDraft(
                    name=name,
                    owner=owner or person(),
                    purpose=purpose or f"{reference.name} with less of persons in it",
                    created_by=person(),
                    kind=DatasetKind.FILES,
                    location="",
                    files=(),
                    profile=Profile(),
                    variant=DatasetVariant.MINIMISED,
                    parents=(DatasetReference(name=parent.row.name, number=parent.row.number),),
                    preprocessing=with_code(asked.steps(), folder=Path.cwd()),
                    column_lineage=asked.lineage(
                        str(parent), [column.name for column in parent.profile.columns]
                    ),
                ),
                output,
                watch=watch,
                seed=seed,
            )
        registered = platform.datasets.register(draft, tenant_id=tenant_id)
        made = DatasetReference(name=name, number=registered.version.number)
        announce(platform, platform.datasets.get(made, tenant_id=tenant_id).row)
    if as_json:
        print_json(
            {
                "dataset": str(registered.version),
                "is_new": registered.is_new,
                "added_parents": registered.added_parents,
                "left_out": left_out,
            }
        )
        return
    click.echo(str(registered.version))
    if registered.added_parents:
        click.echo(added(registered.added_parents), err=True)
    for path in left_out:
        click.echo(f"left out: {path} is no table", err=True)


def _widths(texts: Sequence[str]) -> dict[str, float]:
    widths: dict[str, float] = {}
    for text in texts:
        column, equals, width = text.rpartition("=")
        try:
            number = float(width)
        except ValueError:
            number = 0.0
        if not equals or not column or not 0 < number < float("inf"):
            raise click.UsageError(f"--bucket {text}: write COLUMN=WIDTH, such as age=10")
        widths[column] = number
    return widths
