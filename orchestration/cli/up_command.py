"""`sweepworks up`: everything with a page to look at."""

import signal
import threading

import click

from orchestration.platform import open_platform


@click.command("up")
def command() -> None:
    """Start Dagster's UI and daemon besides database and gateway, and keep them until Ctrl-C.

    Trials that run then go on: database and gateway stay for them.
    """
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    with open_platform(progress=lambda phase: click.echo(f"  {phase}", err=True), up=True) as it:
        click.echo(f"Dagster UI   {it.webserver_url}")
        click.echo(f"gateway      {it.services.gateway_url}")
        click.echo(f"home         {it.settings.home.folder}")
        click.echo("Ctrl-C stops the UI; `sweepworks down` stops everything.")
        ended.wait()
    click.echo("the UI is stopping; live trials go on", err=True)
