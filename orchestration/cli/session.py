"""What most commands begin with: the platform, started if need be, with words while it starts."""

import contextlib
import importlib
import logging
import sys
import threading
from collections.abc import Generator

import click

from orchestration.platform import Platform, open_platform


def import_dagster_meanwhile() -> None:
    """Begin the imports of a Dagster run while the services start: they take two seconds."""
    module = "orchestration.controllers"
    threading.Thread(target=importlib.import_module, args=(module,), daemon=True).start()


@contextlib.contextmanager
def session(*, quiet: bool = False) -> Generator[Platform, None, None]:
    """The platform of this home, ready to be used; this command counts as a client of it."""

    def progress(message: str) -> None:
        if not quiet and sys.stderr.isatty():
            click.echo(f"  {message}", err=True)

    # A pool says at every attempt what the error says once.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    with open_platform(progress=progress) as platform:
        yield platform
