"""`sweepworks artifacts`: files of runs, listed, fetched, stored, and looked after."""

import contextlib
from pathlib import Path
from typing import Any

import click
from sweepworks.artifacts import (
    Description,
    check_name,
    describe,
    existing_file,
    expect,
    no_beat,
)
from sweepworks.connection import Connection, post_json
from sweepworks.downloading import download
from sweepworks.uploading import upload

from orchestration.cli.gateways import PATIENCE_SECONDS, gateway_connection, transfer_errors
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.progress import progress
from orchestration.cli.session import session
from sweeps.artifacts import Artifact
from sweeps.errors import ArtifactNotFound, RunNotFound, SweepNotFound
from sweeps.ids import RunId, SweepId, TenantId, is_name

_SHORT = 12  # digits of a digest that a person reads

tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose.")


@click.group("artifacts")
def command() -> None:
    """Files of runs: list, fetch, store and verify them."""


@command.command("ls")
@click.argument("run", required=False)
@click.option("--sweep", help="Those of all trials of a sweep.")
@tenant_option
@json_option
def list_artifacts(run: str | None, sweep: str | None, tenant: str, as_json: bool) -> None:
    """Artifacts of RUN, or of a sweep."""
    if (run is None) == (sweep is None):
        raise click.UsageError("name a run, or a sweep with --sweep")
    with session(quiet=as_json) as platform:
        if run is not None:
            found = platform.runs.get(_run(run), tenant_id=TenantId(tenant)).artifacts
        else:
            found = platform.artifacts.of_sweep(_sweep(sweep or ""), tenant_id=TenantId(tenant))
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("there are no artifacts")
        return
    columns = ["artifact", "type", "bytes", "sha256", "created", "goes"]
    print_table(columns, [_row(one) for one in found])


def _row(artifact: Artifact) -> list[object]:
    return [
        f"{artifact.run_id}/{artifact.name}",
        artifact.type,
        artifact.size_bytes,
        artifact.sha256[:_SHORT],
        artifact.created_at,
        artifact.goes_at,
    ]


@command.command("get")
@click.argument("artifact", metavar="RUN/NAME")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file or a folder.")
@json_option
def get_artifact(artifact: str, output: Path | None, as_json: bool) -> None:
    """Fetch an artifact, its sha256 verified; by default into the working directory."""
    run, _, name = artifact.partition("/")
    with gateway_connection(quiet=as_json) as connection:
        found = _find(connection, _run(run), name)
        target = (output or Path()) / name.rsplit("/", 1)[-1]
        if output is not None and not output.is_dir():
            target = output
        elif target.exists():
            raise click.ClickException(f"{target} is there already; name another place with -o")
        with progress("fetching", found.size) as on_bytes, transfer_errors():
            download(connection, run, found, target, beat=no_beat, on_bytes=on_bytes)
    if as_json:
        print_json({"artifact": artifact, "path": target.absolute(), "sha256": found.sha256})
    else:
        click.echo(f"{target}  {found.size} bytes, sha256 {found.sha256[:_SHORT]}")


def _find(connection: Connection, run: RunId, name: str) -> Description:
    with transfer_errors(run):
        status, _, answer = connection.request("GET", f"/api/v1/runs/{run}/artifacts")
        listed: list[dict[str, Any]] = expect(status, answer, "artifacts")["artifacts"]
    for one in listed:
        if one["name"] == name:
            return Description(name, one["type"], one["sha256"], one["size_bytes"])
    raise ArtifactNotFound(f"{run}/{name}")


@command.command("put")
@click.argument("run")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="By default the file's own.")
@click.option("--type", "kind", default="file", show_default=True, help="Such as checkpoint.")
@json_option
def put_artifact(run: str, file: Path, name: str | None, kind: str, as_json: bool) -> None:
    """Store FILE as an artifact of RUN, which must not be sealed yet.

    A cut upload goes on where it was when the command is repeated.
    """
    source, name, run_id = existing_file(file), name or file.name, _run(run)
    check_name(name)
    with progress("reading", source.stat().st_size) as on_bytes:
        described = describe(source, name, kind, on_bytes=on_bytes)
    with gateway_connection(quiet=as_json) as connection, transfer_errors(run_id):
        token = expect(*post_json(connection, f"/api/v1/runs/{run_id}/token", {}), "token",
                       good=(201,))["token"]  # fmt: skip
        with (
            contextlib.closing(connection.with_token(str(token))) as writer,
            progress("storing", described.size) as on_sent,
        ):
            upload(
                writer,
                run_id,
                source,
                described,
                beat=no_beat,
                on_sent=on_sent,
                patience_seconds=PATIENCE_SECONDS,
            )
    if as_json:
        print_json({"artifact": f"{run}/{name}", "type": kind, "sha256": described.sha256,
                    "size_bytes": described.size})  # fmt: skip
    else:
        click.echo(f"{run}/{name}  {described.size} bytes, sha256 {described.sha256[:_SHORT]}")


@command.command("verify")
@click.argument("run", required=False)
@click.option("--sample", type=click.IntRange(min=1), help="So many, verified longest ago.")
@tenant_option
@json_option
def verify_artifacts(run: str | None, sample: int | None, tenant: str, as_json: bool) -> None:
    """Read the bytes of all artifacts, or of those of RUN, and compare their sha256.

    Exits with 1 when any are missing or have changed, and names each.
    """
    tenant_id = TenantId(tenant)
    bad: list[dict[str, object]] = []
    with session(quiet=as_json) as platform:
        if run is not None:
            platform.runs.require(_run(run), tenant_id=tenant_id)
        verification = platform.verification
        blobs = verification.blobs(
            tenant_id=tenant_id, run_id=None if run is None else _run(run), limit=sample
        )
        total = sum(blob.size_bytes for blob in blobs)
        with progress("verifying", total) as on_read:
            for blob in blobs:
                problem = verification.problem_of(blob, tenant_id=tenant_id, on_read=on_read)
                if problem is not None:
                    bad.append({"artifacts": blob.names, "sha256": blob.sha256, "why": problem,
                                "mend": _mend(problem, blob.sha256)})  # fmt: skip
    if as_json:
        print_json({"verified": len(blobs) - len(bad), "bytes": total, "bad": bad})
    else:
        for one in bad:
            click.echo(f"{', '.join(map(str, one['artifacts']))}: {one['why']}")  # pyright: ignore[reportArgumentType]  names, from above
            click.echo(f"  {one['mend']}")
        click.echo(f"{len(blobs) - len(bad)} of {len(blobs)} files are right, {total} bytes")
    if bad:
        raise click.exceptions.Exit(1)


def _mend(problem: str, sha256: str) -> str:
    first = "" if "missing" in problem else f"remove {sha256} from the store, then "
    return (
        f"{first}bring a copy of the same file with `sweepworks artifacts put RUN FILE`, to any run "
        "that is not sealed: equal bytes are shared; or restore it from a backup"
    )


def _run(name: str) -> RunId:
    if not is_name(name):
        raise RunNotFound(name[:80])
    return RunId(name)


def _sweep(name: str) -> SweepId:
    if not is_name(name):
        raise SweepNotFound(name[:80])
    return SweepId(name)
