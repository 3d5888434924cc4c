"""The gateway that a command talks to: the one that was named, or the home's own."""

import contextlib
from collections.abc import Generator

import click
from sweepworks.artifacts import Changed
from sweepworks.connection import Connection, Unreachable

from orchestration.cli.session import session
from orchestration.settings import InvalidSetting, Settings

PATIENCE_SECONDS = 30.0  # a gateway that restarts, or a store that is busy


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


@contextlib.contextmanager
def gateway_connection(*, quiet: bool) -> Generator[Connection, None, None]:
    """A connection to it, for what takes its time."""
    with gateway(Settings.from_environment(), quiet=quiet) as (url, token):
        made = Connection(url, token, timeout_seconds=PATIENCE_SECONDS)
        with contextlib.closing(made):
            yield made


@contextlib.contextmanager
def transfer_errors(what: str | None = None) -> Generator[None, None, None]:
    """What goes wrong with files on their way, as a sentence."""
    try:
        yield
    except Unreachable as exc:
        raise click.ClickException(f"not now: {exc}; repeat the command later") from exc
    except (ValueError, Changed) as exc:  # `Refused` is one
        where = "" if what is None else f"{what}: "
        raise click.ClickException(f"{where}{exc}") from exc
