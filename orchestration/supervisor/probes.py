"""Whether a service on the loopback interface answers. Proxies of the environment play no part."""

import http.client

from orchestration.supervisor.ports import LOOPBACK

_TIMEOUT_SECONDS = 2.0


def answers_ok(port: int, path: str) -> bool:
    """Whether ``GET path`` on `port` is answered with 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
