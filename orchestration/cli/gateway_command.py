"""`sweepworks gateway`: the gateway alone, for databases of one's own."""

import dataclasses
import os

import click

from orchestration.settings import InvalidSetting, Settings, child_environment
from orchestration.supervisor.children import gateway_command


@click.command("gateway")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8787, show_default=True, help="Port to listen on.")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that share the port; more than one pays above some 2,000 requests a second.",
)
def command(host: str, port: int, workers: int) -> None:
    """Serve the gateway of SWEEPWORKS_DATABASE_URL until Ctrl-C.

    Trials send their metrics there: set SWEEPWORKS_GATEWAY_URL to its address where you start
    sweeps. The embedded mode starts one by itself.
    """
    settings = Settings.from_environment()
    if settings.is_embedded:
        raise InvalidSetting(
            "SWEEPWORKS_DATABASE_URL",
            "",
            hint="set it to the database; without it every command starts a gateway by itself",
        )
    settings.home.prepare()
    complete = dataclasses.replace(
        settings,
        signing_key_hex=settings.signing_key().hex(),
        token=settings.token or settings.home.token(),
    )
    arguments = [*gateway_command(port), "--host", host, "--workers", str(workers)]
    os.execve(arguments[0], arguments, child_environment(complete.exported()))  # noqa: S606 - our own Python
