"""`sweepworks webserver`: Dagster's UI behind tokens, for a server."""

from pathlib import Path

import click

from orchestration.settings import InvalidSetting, Settings
from sweeps.ids import TenantId


@click.command("webserver")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, help="Port to listen on.")
@click.option(
    "--workspace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Says where the code server listens; by default workspace.yaml in DAGSTER_HOME.",
)
@click.option(
    "--path-prefix", default="", metavar="PATH", help="Serve under PATH, such as /dagster."
)
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    default=["default"],
    show_default=True,
    help="Whose tokens open it; may be repeated. It shows what all tenants do.",
)
def command(
    host: str, port: int, workspace: Path | None, path_prefix: str, tenants: tuple[str, ...]
) -> None:
    """Serve Dagster's UI to who has an API token, until Ctrl-C.

    Dagster's own webserver asks nobody who they are. This one takes the gateway's tokens and the
    sessions of people who have signed in, there or here.
    """
    settings = Settings.from_environment()
    if settings.is_embedded:
        raise InvalidSetting(
            "SWEEPWORKS_DATABASE_URL",
            "",
            hint="set it to the database; without it, `sweepworks up` brings Dagster's UI",
        )
    if settings.dagster_home is None:
        raise InvalidSetting("DAGSTER_HOME", "", hint="set it to the folder of dagster.yaml")
    if path_prefix and (not path_prefix.startswith("/") or path_prefix.endswith("/")):
        raise click.BadParameter(f"write it like /dagster, not {path_prefix!r}")
    from orchestration.guarded_ui import serve_ui

    serve_ui(
        settings,
        host=host,
        port=port,
        workspace=workspace or settings.dagster_home / "workspace.yaml",
        path_prefix=path_prefix,
        tenants=[TenantId(tenant) for tenant in tenants],
    )
