"""Waiting for the search's answer to a report."""

import contextlib
import time

from sweepworks.connection import Connection, Unreachable

_POLL_SECONDS = 0.1


def await_decision(connection: Connection, run: str, level: int, *, seconds: float) -> str | None:
    """``continue``, ``stop`` or ``pause``; None when it does not come in time."""
    deadline = time.monotonic() + seconds
    twin = connection.twin()  # the background thread uses the other one
    with contextlib.closing(twin), contextlib.suppress(Unreachable):
        while (left := deadline - time.monotonic()) > 0:
            twin.limit(left)
            status, _, answer = twin.request("GET", f"/api/v1/runs/{run}/decision?level={level}")
            if status == 200 and answer.get("decision"):
                return str(answer["decision"])
            time.sleep(max(0.0, min(_POLL_SECONDS, deadline - time.monotonic())))
    return None
