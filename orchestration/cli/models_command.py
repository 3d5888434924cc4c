"""`sweepworks models`: versions of models, what their aliases mean, and their bytes."""

from collections.abc import Mapping
from pathlib import Path

import click
from sweepworks.artifacts import Description, no_beat
from sweepworks.downloading import download

from governance.promotion.registry import Model, ModelNotFound, ModelVersion
from governance.promotion.sections.names import check_alias, check_model_name
from orchestration.cli.gateways import gateway_connection, transfer_errors
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.progress import progress
from orchestration.cli.session import session
from orchestration.people import person
from orchestration.platform import Platform
from sweeps.ids import TenantId

tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose.")
alias_option = click.option("--alias", default="production", show_default=True)
reason_option = click.option("--reason", "-m", required=True, help="Why; kept with the move.")


@click.group("models")
def command() -> None:
    """Models in the registry: versions that never change, and aliases that mean one of them.

    Versions come from `sweepworks promote` and from nothing else.
    """


@command.command("list")
@tenant_option
@json_option
def list_command(tenant: str, as_json: bool) -> None:
    """Every model, its newest version, and what its aliases mean."""
    with session(quiet=as_json) as platform:
        found = platform.registry.models(tenant_id=TenantId(tenant))
    if as_json:
        print_json(found)
    elif not found:
        click.echo("there are no models yet; `sweepworks promote RUN` makes one")
    else:
        rows = [[one.name, one.newest, _aliases(one.aliases), one.moved_at] for one in found]
        print_table(["model", "newest", "aliases", "moved"], rows)


def _aliases(aliases: Mapping[str, int]) -> str:
    return ", ".join(f"{alias} @{number}" for alias, number in sorted(aliases.items())) or "none"


@command.command("show")
@click.argument("model", metavar="MODEL[@N]")
@click.option("--alias", help="The version that it means.")
@tenant_option
@json_option
def show_command(model: str, alias: str | None, tenant: str, as_json: bool) -> None:
    """MODEL with its versions and moves; with @N or --alias that version, for who serves it."""
    name, number = _parse(model)
    with session(quiet=as_json) as platform:
        if number is None and alias is None:
            found = platform.registry.model(name, tenant_id=TenantId(tenant))
            if as_json:
                print_json(found)
            else:
                _print_model(found)
            return
        version = _version(platform, name, number, alias, tenant)
        url = platform.settings.public_url or platform.services.gateway_url
    if as_json:
        file = f"{(url or '').rstrip('/')}{version.path}"
        print_json({"version": version, "file": file, "node": f"model:{version}"})
    else:
        for line in _version_lines(version):
            click.echo(line)


def _print_model(model: Model) -> None:
    click.echo(f"{model.row.name}: {_aliases(model.row.aliases)}\n")
    columns = ["version", "aliases", "run", "artifact", "sha256", "data", "created", "by"]
    print_table(
        columns,
        [
            [one.number, ", ".join(one.aliases), one.run_id, one.artifact, one.sha256[:12],
             ", ".join(one.data), one.created_at, one.created_by]
            for one in model.versions
        ],
    )  # fmt: skip
    click.echo()
    print_table(
        ["alias", "move", "from", "to", "by", "when", "why"],
        [
            [one.alias, one.kind, one.from_number, one.number, one.moved_by, one.moved_at,
             one.reason]
            for one in model.moves
        ],
    )  # fmt: skip


def _version_lines(version: ModelVersion) -> list[str]:
    metrics = ", ".join(
        f"{name} {found.get('mean')}" for name, found in sorted(version.metrics.items())
    )
    return [
        f"{version}  {', '.join(version.aliases) or 'no alias'}",
        (
            f"  file       {version.run_id}/{version.artifact}, {version.size_bytes} bytes, "
            f"sha256 {version.sha256}"
        ),
        f"  image      {version.image}",
        f"  inference  {dict(version.inference)}",
        f"  rollout    {dict(version.rollout)}",
        f"  commit     {version.commit or 'none is recorded'}",
        f"  data       {', '.join(version.data) or 'none is recorded'}",
        f"  measured   {metrics}",
        (
            f"  promoted   by {version.created_by} at {version.created_at:%Y-%m-%d %H:%M}, "
            f"evaluation {version.evaluation_id}"
        ),
    ]


@command.command("alias")
@click.argument("model", metavar="MODEL@N")
@click.argument("alias")
@reason_option
@tenant_option
@json_option
def alias_command(model: str, alias: str, reason: str, tenant: str, as_json: bool) -> None:
    """Let ALIAS, such as staging, mean a version that was promoted once."""
    name, number = _parse(model)
    if number is None:
        raise click.UsageError("name a version: MODEL@N")
    check_alias(alias)
    with session(quiet=as_json) as platform:
        has_moved = platform.registry.set_alias(
            name, alias, number, tenant_id=TenantId(tenant), by=person(), reason=reason
        )
    if as_json:
        print_json({"model": name, "alias": alias, "version": number, "moved": has_moved})
    else:
        click.echo(f"{name} {alias} is version {number}{'' if has_moved else ', as it was'}")


@command.command("rollback")
@click.argument("model")
@alias_option
@reason_option
@tenant_option
@json_option
def rollback_command(model: str, alias: str, reason: str, tenant: str, as_json: bool) -> None:
    """Let the alias mean again what it meant before; twice goes back two moves."""
    check_model_name(model)
    with session(quiet=as_json) as platform:
        was, now = platform.registry.rollback(
            model, alias, tenant_id=TenantId(tenant), by=person(), reason=reason
        )
    if as_json:
        print_json({"model": model, "alias": alias, "from": was, "version": now})
    else:
        click.echo(f"{model} {alias} is version {now} again, not {was}")


@command.command("download")
@click.argument("model", metavar="MODEL[@N]")
@click.option("--alias", help="The version that it means; production without @N.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file or a folder.")
@tenant_option
@json_option
def download_command(
    model: str, alias: str | None, output: Path | None, tenant: str, as_json: bool
) -> None:
    """Fetch the file of a version, its sha256 verified."""
    name, number = _parse(model)
    asked = alias or (None if number is not None else "production")
    with session(quiet=as_json) as platform:
        version = _version(platform, name, number, asked, tenant)
        file_name = version.artifact.rsplit("/", 1)[-1]
        target = (output or Path()) / file_name
        if output is not None and not output.is_dir():
            target = output
        elif target.exists():
            raise click.ClickException(f"{target} is there already; name another place with -o")
        found = Description(version.artifact, "model", version.sha256, version.size_bytes)
        with (
            gateway_connection(quiet=True) as connection,
            progress("fetching", found.size) as on_bytes,
            transfer_errors(),
        ):
            download(connection, version.run_id, found, target, beat=no_beat, on_bytes=on_bytes)
    if as_json:
        print_json({"version": str(version), "path": target.absolute(), "sha256": found.sha256})
    else:
        click.echo(f"{version}  {target}, sha256 {found.sha256}")


def _version(
    platform: Platform, name: str, number: int | None, alias: str | None, tenant: str
) -> ModelVersion:
    tenant_id = TenantId(tenant)
    if number is not None:
        version = platform.registry.version(name, number, tenant_id=tenant_id)
        if alias is not None and alias not in version.aliases:
            raise ModelNotFound(f"{version} with an alias {alias!r}")
        return version
    return platform.registry.meant_by(name, alias or "production", tenant_id=tenant_id)


def _parse(text: str) -> tuple[str, int | None]:
    name, at, number = text.partition("@")
    check_model_name(name)
    if not at:
        return name, None
    if not number.isdecimal() or not 0 < int(number) < 10**9:
        raise ModelNotFound(repr(text[:80]))
    return name, int(number)
