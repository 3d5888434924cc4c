"""What a killed supervisor left running."""

import contextlib
import logging
import os
import signal
import time

import psutil

from orchestration.supervisor.status import SupervisorStatus

_GRACE_SECONDS = 10.0

logger = logging.getLogger(__name__)


def stop_leftovers(previous: SupervisorStatus | None) -> None:
    """End the services recorded by a supervisor that is gone.

    The gateway ends by itself when its supervisor dies; Dagster's services do not. PostgreSQL is
    not among them: it is adopted.
    """
    if previous is None:
        return
    found: dict[str, psutil.Process] = {}
    for name, child in previous.children.items():
        process = None if child.mark is None else child.mark.process()
        if process is not None:
            found[name] = process
    for name, process in found.items():
        logger.warning("stopping the %s of an earlier supervisor, process %d", name, process.pid)
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    for process in found.values():
        with contextlib.suppress(psutil.Error):
            process.wait(max(0.0, deadline - time.monotonic()))
        _signal_group(process, signal.SIGKILL)


def _signal_group(process: psutil.Process, sign: signal.Signals) -> None:
    """Signal everything the service started; services lead groups of their own."""
    with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
        if not process.is_running():
            return
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, sign)
        else:
            process.send_signal(sign)
