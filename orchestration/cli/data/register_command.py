"""`sweepworks data register`: a version is written down."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from orchestration.cli.data.partitions import announce, import_dagster
from orchestration.cli.data.stored import store
from orchestration.cli.data.watch import watching
from orchestration.cli.data.words import added
from orchestration.cli.gateways import gateway_connection, transfer_errors
from orchestration.cli.output import json_option, print_json
from orchestration.cli.progress import progress
from orchestration.cli.session import session
from orchestration.people import person
from orchestration.settings import InvalidSetting
from storage.datasets.registration import with_code, with_files
from storage.datasets.table_snapshots import snapshot
from storage.text_files import read_text
from sweeps.data_profiles import Profile
from sweeps.datasets import (
    DatasetKind,
    DatasetReference,
    DatasetVariant,
    VersionDraft,
    check_dataset_name,
)
from sweeps.ids import TenantId
from sweeps.preprocessing_file import Step, parse_steps


@click.command("register")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--owner", help="Who answers for it; you, by default.")
@click.option("--purpose", default="", help="What it is for.")
@click.option("--parent", "parents", multiple=True, help="Version it was made from, NAME@N.")
@click.option("--step", "steps", multiple=True, help="What was done to make it, in order.")
@click.option(
    "--step-file",
    type=click.Path(path_type=Path),
    help="The same as YAML: steps: [{name, options}, …].",
)
@click.option(
    "--code",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="Folder of the code that the steps ran from; its commit is kept.  [default: here]",
)
@click.option(
    "--variant",
    type=click.Choice([str(variant) for variant in DatasetVariant]),
    help="What it is.  [default: original; with parents: derived]",
)
@click.option("--table", metavar="QUERY", help="Keep the rows of a SELECT in PATH, a new .csv.")
@click.option(
    "--url-variable",
    metavar="VARIABLE",
    help="Variable that holds the URL of the PostgreSQL database of --table.",
)
@click.option(
    "--store", "is_to_store", is_flag=True, help="Keep its files in the artifact store, too."
)
@click.option("--seed", default=0, show_default=True, help="Of the sample that is summed up.")
@click.option("--tenant", default="default", show_default=True, help="Whose it is.")
@json_option
def command(
    name: str,
    path: Path,
    owner: str | None,
    purpose: str,
    parents: Sequence[str],
    steps: Sequence[str],
    step_file: Path | None,
    code: Path,
    variant: str | None,
    table: str | None,
    url_variable: str | None,
    is_to_store: bool,
    seed: int,
    tenant: str,
    as_json: bool,
) -> None:
    """Write down what is at PATH, a file or a folder, as the next version of NAME.

    Every file is hashed: the same content again is the same version. Tables (CSV, TSV, Parquet,
    lines of JSON) and NumPy's arrays are summed up; any other file is kept as bytes. The files stay
    where they are, and must not change: register what has changed as a version of its own. With
    --store the artifact store has them, too.
    """
    asked = VersionDraft(
        name=check_dataset_name(name),
        owner=owner or person(),
        purpose=purpose,
        created_by=person(),
        kind=DatasetKind.FILES if table is None else DatasetKind.TABLE,
        location="",
        files=(),
        profile=Profile(),
        source=_source(table, url_variable),
        variant=_variant(variant, parents),
        parents=tuple(DatasetReference.parse(parent) for parent in parents),
        preprocessing=with_code(_steps(steps, step_file), folder=code),
    )
    if table is not None:
        snapshot(_url(url_variable), table, path=path)
    import_dagster()
    with watching(quiet=as_json) as watch:
        draft = with_files(asked, path, watch=watch, seed=seed)
    with session(quiet=as_json) as platform:
        registered = platform.datasets.register(draft, tenant_id=TenantId(tenant))
        version = platform.datasets.get(
            DatasetReference(name=name, number=registered.version.number),
            tenant_id=TenantId(tenant),
        )
        announce(platform, version.row)
    if is_to_store:
        with (
            gateway_connection(quiet=as_json) as connection,
            transfer_errors(str(version)),
            progress("storing", version.row.size_bytes) as on_sent,
        ):
            store(connection, version, on_sent=on_sent)
    if as_json:
        print_json(
            {
                "dataset": str(registered.version),
                "is_new": registered.is_new,
                "added_parents": registered.added_parents,
                **_told(draft),
            }
        )
        return
    click.echo(str(registered.version))
    if not registered.is_new:
        where = f", now found in {draft.location}" if registered.is_moved else ""
        click.echo(f"the same content as before: no new version{where}", err=True)
    if registered.added_parents:
        click.echo(added(registered.added_parents), err=True)
    for note in draft.profile.notes:
        click.echo(f"note: {note}", err=True)


def _told(draft: VersionDraft) -> dict[str, object]:
    return {
        "location": draft.location,
        "files": len(draft.files),
        "size_bytes": draft.size_bytes,
        "rows": draft.profile.row_count,
        "notes": draft.profile.notes,
    }


def _variant(asked: str | None, parents: Sequence[str]) -> DatasetVariant:
    if asked is not None:
        return DatasetVariant(asked)
    return DatasetVariant.DERIVED if parents else DatasetVariant.ORIGINAL


def _steps(texts: Sequence[str], file: Path | None) -> list[Step]:
    steps: list[Step] = []
    if file is not None:
        text = read_text(file, hint="write a YAML file with steps: [{name, options}, …]")
        steps += parse_steps(text, source=str(file))
    return steps + [(text, {}) for text in texts]


def _source(table: str | None, url_variable: str | None) -> dict[str, str] | None:
    """What is kept of where a table came from: never its URL, which may hold a password."""
    if table is None:
        return None
    if url_variable is None:
        raise click.UsageError("--table needs --url-variable: which variable holds the database")
    return {"query": table, "url_variable": url_variable}


def _url(variable: str | None) -> str:
    assert variable is not None  # `_source` has refused that
    url = os.environ.get(variable)  # noqa: TID251 - the person has said which one
    if not url:
        raise InvalidSetting(variable, "", hint="set it to the URL of the database of --table")
    return url
