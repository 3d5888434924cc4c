"""A controller's care for the services that its trials need, and for other controllers of its home."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Generator

from orchestration.home_status import status
from orchestration.platform import STOPPED, platform
from orchestration.services import connect
from orchestration.settings import Settings
from orchestration.supervisor.finding import ServicesDown
from sweeps.errors import SweepsError

_WATCH_SECONDS = 2.0  # between looks whether the services are still there
_DUE_SECONDS = 2.0  # between looks whether a sweep's turn has come that waited for others
_LAST_LOOK_SECONDS = 30.0  # that the end of a controller may take for it
_OTHERS_SECONDS = 20.0  # between looks at other sweeps: commands that wait look more often


@contextlib.contextmanager
def watched_services() -> Generator[None, None, None]:
    """Start the embedded services again whenever they are gone, for as long as this is open.

    For controllers: their trials need a gateway, and nobody else may be there to start one. When a
    person has said `down`, the process ends instead: its trials and its Dagster run are taken up
    again by the next command, as after any other loss of a controller.

    Other sweeps of the home are looked after as well, where no daemon does it: what a dead trial of
    theirs holds may be what this controller's trials wait for. The last look is when this is over:
    others may have waited for the end of this controller's sweep.
    """
    settings = Settings.from_environment().without_services()
    if not settings.is_embedded:
        yield
        return
    is_over = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(settings, is_over), name="watch-services", daemon=True
    )
    others = threading.Thread(
        target=_look_after_others, args=(is_over,), name="look-after-others", daemon=True
    )
    watch.start()
    others.start()
    try:
        yield
    finally:
        is_over.set()
        others.join(_LAST_LOOK_SECONDS)  # it looks once more


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


def _look_after_others(is_over: threading.Event) -> None:
    # Only now: who starts controllers knows the definitions, and those know this module.
    from orchestration.left_sweeps import LeftSweeps

    left: LeftSweeps | None = None
    is_last = False
    look_at = time.monotonic() + _OTHERS_SECONDS
    while not is_last:
        is_last = is_over.wait(_DUE_SECONDS)
        try:
            found = platform()
            if found.has_daemon:
                continue
            if not is_last and time.monotonic() < look_at and not found.claims.due(limit=1):
                continue
            look_at = time.monotonic() + _OTHERS_SECONDS
            left = left or LeftSweeps(found)
            said = left.look()
        except SweepsError as exc:  # the next look tries again
            said = [f"cannot look after other sweeps now: {exc}"]
        for line in said:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
