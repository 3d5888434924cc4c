"""`sweepworks up`: everything with a page to look at."""

import signal
import threading

import click

from orchestration.home_status import status
from orchestration.platform import Platform, open_platform
from orchestration.settings import InvalidSetting, Settings
from orchestration.supervisor.finding import ServicesDown

_LOOK_SECONDS = 1.0


@click.command("up")
def command() -> None:
    """Start Dagster's UI and daemon besides database and gateway, and keep them until Ctrl-C.

    Trials that run then go on: database and gateway stay for them.
    """
    if not Settings.from_environment().is_embedded:
        raise InvalidSetting(
            "SWEEPWORKS_DATABASE_URL",
            "…",
            hint="beside servers of your own, run `sweepworks webserver` and `dagster-daemon run`, as "
            "docs/deployment.md says; without the variable, `sweepworks up` brings its own",
        )
    with open_platform(progress=_say, up=True) as it:
        # Not before: until everything is up, Ctrl-C gives up at once.
        ended = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: ended.set())
        _print_addresses(it)
        click.echo("Ctrl-C stops the UI; `sweepworks down` stops everything.")
        while not ended.wait(_LOOK_SECONDS):
            if status(it.settings).is_running:
                continue
            try:
                with open_platform(progress=_say, up=True, by_person=False) as again:
                    click.echo("the services were gone; started them again", err=True)
                    _print_addresses(again)
            except ServicesDown as exc:
                click.echo(f"{exc}; live trials go on", err=True)
                return
    click.echo("the UI is stopping; live trials go on", err=True)


def _say(phase: str) -> None:
    click.echo(f"  {phase}", err=True)


def _print_addresses(platform: Platform) -> None:
    click.echo(f"Dagster UI   {platform.webserver_url}")
    click.echo(f"gateway      {platform.services.gateway_url}")
    click.echo(f"home         {platform.settings.home.folder}")
