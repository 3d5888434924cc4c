"""Counts what a client asks of an API server, whichever it is: requests, and bytes that came back."""

import re
import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

_PATH = re.compile(
    r"/v\d\w*(?:/namespaces/[^/?]+)?/(?P<plural>[a-z]+)(?P<name>/[^/?]+)?(?P<sub>/[a-z]+)?"
)
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete", "PUT": "update"}


@dataclass(slots=True)
class Request:
    """One request."""

    what: str  #: verb and resource, such as ``create jobs``
    begun_at: float  #: on the monotonic clock
    is_in_background: bool  #: of another thread than the one that counts
    n_bytes: int = 0  #: of its answer; of a watch, until now


class Traffic:
    """Everything that goes through one client.

    Args:
        client: An `ApiClient`; see `compute.kubernetes.connection.connect`.
    """

    def __init__(self, client: Any) -> None:
        self._requests: list[Request] = []
        self._thread = threading.get_ident()
        manager = client.rest_client.pool_manager
        self._send = manager.request
        manager.request = self._request

    def requests(self) -> Sequence[Request]:
        """Until now, in their order."""
        return tuple(sorted(self._requests, key=lambda request: request.begun_at))

    def _request(self, method: str, url: str, **options: Any) -> Any:
        request = Request(
            what=_what(method, url, options.get("fields") or ()),
            begun_at=time.monotonic(),
            is_in_background=threading.get_ident() != self._thread,
        )
        self._requests.append(request)
        response = self._send(method, url, **options)
        if request.what.startswith("watch"):
            response.stream = _counted(request, response.stream)
        else:
            request.n_bytes = len(response.data)  # which the client is about to read anyway
        return response


def _counted(request: Request, stream: Any) -> Any:
    def counted(*arguments: Any, **options: Any) -> Generator[bytes, None, None]:
        for block in stream(*arguments, **options):
            request.n_bytes += len(block)
            yield block

    return counted


def by_kind(requests: Sequence[Request]) -> dict[str, dict[str, int]]:
    """How many of each, and their bytes."""
    numbers = Counter(request.what for request in requests)
    sizes: Counter[str] = Counter()
    for request in requests:
        sizes[request.what] += request.n_bytes
    return {what: {"requests": n, "bytes": sizes[what]} for what, n in sorted(numbers.items())}


def _what(method: str, url: str, fields: Any) -> str:
    match = _PATH.search(url)
    if match is None:
        return f"{method.lower()} {url}"
    resource = match["plural"] + (match["sub"] or "")
    if method == "GET" and match["name"] is None:
        is_watch = any(name == "watch" and value for name, value in fields)
        return f"{'watch' if is_watch else 'list'} {resource}"
    return f"{_VERBS.get(method, 'get')} {resource}"
