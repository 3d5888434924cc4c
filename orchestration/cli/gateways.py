"""The gateway that a command talks to: the one that was named, or the home's own."""

import contextlib
from collections.abc import Generator

from orchestration.cli.session import session
from orchestration.settings import InvalidSetting, Settings


@contextlib.contextmanager
def gateway(settings: Settings, *, quiet: bool) -> Generator[tuple[str, str], None, None]:
    """Address and API token: those that were given need no database here.

    Raises:
        InvalidSetting: Nobody has said where the gateway is.
        SweepsError: The home's own does not start.
    """
    if settings.gateway_url is not None:
        yield settings.gateway_url, settings.token or settings.home.token()
        return
    if not settings.is_embedded:
        raise InvalidSetting("SWEEPWORKS_GATEWAY_URL", "", hint="write where the gateway is")
    with session(quiet=quiet) as platform:
        found = platform.services
        assert found.gateway_url is not None  # a home has its own
        assert found.token is not None
        yield found.gateway_url, found.token
