"""A controller's care for the services that its trials need."""

import contextlib
import os
import sys
import threading
from collections.abc import Generator

from orchestration.home_status import status
from orchestration.platform import STOPPED
from orchestration.services import connect
from orchestration.settings import Settings
from orchestration.supervisor.finding import ServicesDown

_WATCH_SECONDS = 2.0  # between looks whether the services are still there


@contextlib.contextmanager
def watched_services() -> Generator[None, None, None]:
    """Start the embedded services again whenever they are gone, for as long as this is open.

    For controllers: their trials need a gateway, and nobody else may be there to start one. When a
    person has said `down`, the process ends instead: its trials and its Dagster run are taken up
    again by the next command, as after any other loss of a controller.
    """
    settings = Settings.from_environment().without_services()
    if not settings.is_embedded:
        yield
        return
    is_over = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(settings, is_over), name="watch-services", daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        is_over.set()


def _watch(settings: Settings, is_over: threading.Event) -> None:
    while not is_over.wait(_WATCH_SECONDS):
        with contextlib.suppress(Exception):  # the next look tries again
            if status(settings).is_running:
                continue
            try:
                connect(settings, by_person=False).close()
            except ServicesDown as exc:
                sys.stderr.write(f"{exc}; trials go on\n")
                sys.stderr.flush()
                os._exit(STOPPED)
