"""What the client of the API server raises, in our words."""

import contextlib
import http.client
import json
from collections.abc import Generator
from typing import Any

from sweeps.errors import LauncherUnavailable, LaunchRejected, NoCapacity

_LONGEST_WAIT_SECONDS = 60  # whatever a server asks for


@contextlib.contextmanager
def cluster_errors() -> Generator[None, None, None]:
    """Translate what the client raises."""
    import urllib3.exceptions

    try:
        yield
    except api_exception() as exc:
        raise _translated(exc) from exc
    except (urllib3.exceptions.HTTPError, OSError, json.JSONDecodeError) as exc:
        raise LauncherUnavailable(f"the API server does not answer: {exc}") from exc


def _translated(exc: Any) -> Exception:
    message = message_of(exc)
    match exc.status:
        case http.client.FORBIDDEN if "exceeded quota" in message:
            return NoCapacity(message)
        case http.client.UNAUTHORIZED | http.client.FORBIDDEN:
            hint = "`sweepworks cluster check` says what is missing"
            return LauncherUnavailable(f"the API server refuses: {message}; {hint}")
        case http.client.BAD_REQUEST | http.client.UNPROCESSABLE_ENTITY:
            return LaunchRejected(f"the API server refuses it: {message}")
        case _:
            text = f"the API server answers {exc.status}: {message}"
            return LauncherUnavailable(text, **_asked_to_wait(exc))


def _asked_to_wait(exc: Any) -> dict[str, float]:
    """For how long, if the server says so; in seconds, which is all that API servers write."""
    text = str(exc.headers.get("Retry-After") or "") if exc.headers else ""
    if not text.isdecimal():
        return {}
    return {"retry_after_seconds": float(min(int(text), _LONGEST_WAIT_SECONDS))}


def message_of(exc: Any) -> str:
    """What the server says, without headers."""
    try:
        return str(json.loads(exc.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(exc.reason or exc.body or "")[:500]


def api_exception() -> Any:
    """The class that the client raises; imported late, since its package takes a second."""
    from kubernetes.client import (  # pyright: ignore[reportMissingTypeStubs]  it has none
        ApiException,
    )

    return ApiException
