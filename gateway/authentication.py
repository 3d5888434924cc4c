"""Who is asking: tokens of requests, as parameters of routes."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request
from starlette.requests import HTTPConnection

from gateway.door import Door, GivenDoor
from gateway.services import GivenServices
from governance.access import ForeignRun, RunGrant, is_run_token, open_run_token
from governance.page_access import open_session
from storage.token_store import TokenOwner
from sweeps.errors import AccessDenied, RunNotFound, SweepNotFound
from sweeps.ids import RunId, SweepId, TenantId, is_name

SESSION_COOKIE = "sweepworks_session"
_SAFE = frozenset({"GET", "HEAD"})
_NO_TOKEN = "send a token as `Authorization: Bearer …`"  # noqa: S105 - a sentence about it


async def _bearer(authorization: Annotated[str, Header()] = "") -> str | None:
    return _token_in(authorization)


def _token_in(authorization: str) -> str | None:
    if not authorization:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AccessDenied(_NO_TOKEN)
    return token.strip()


async def _run(run: str) -> RunId:
    # What cannot be a name never reaches the database, nor a path.
    if not is_name(run):
        raise RunNotFound(run[:80])
    return RunId(run)


async def _sweep(sweep: str) -> SweepId:
    if not is_name(sweep):
        raise SweepNotFound(sweep[:80])
    return SweepId(sweep)


#: The run, or the sweep, that the path names.
GivenRun = Annotated[RunId, Depends(_run)]
GivenSweep = Annotated[SweepId, Depends(_sweep)]
_Bearer = Annotated[str | None, Depends(_bearer)]


def _owner(token: _Bearer, request: Request, door: GivenDoor) -> TokenOwner:
    if token is None:
        return session_owner(request, door)
    return door.tokens.owner_of(token)


def connection_owner(connection: HTTPConnection, door: Door) -> TokenOwner:
    """Whom a request, or a handshake of a web socket, speaks for.

    Raises:
        AccessDenied: For nobody that we know.
    """
    token = _token_in(connection.headers.get("authorization", ""))
    return session_owner(connection, door) if token is None else door.tokens.owner_of(token)


def _writer(token: _Bearer, run: GivenRun, services: GivenServices) -> RunGrant:
    if token is None:
        raise AccessDenied(_NO_TOKEN)
    grant = open_run_token(token, key=services.key, now=services.clock.now())
    if grant.run_id != run:
        raise ForeignRun(run)
    return grant


def _reader(token: _Bearer, run: GivenRun, request: Request, services: GivenServices) -> TenantId:
    if token is not None and is_run_token(token):
        return _writer(token, run, services).tenant_id
    return _owner(token, request, services).tenant_id


def session_owner(request: HTTPConnection, door: Door) -> TokenOwner:
    """Whom the cookie of a signed-in browser speaks for.

    It only speaks for what a page of ours asks for itself: another site's page may send requests,
    too, and whatever changes something has to say where it comes from.

    Raises:
        AccessDenied: There is none, it has ended, or the request comes from elsewhere.
    """
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie is None:
        raise AccessDenied(_NO_TOKEN)
    # A handshake has no method: what comes after it may change anything.
    if request.scope.get("method") not in _SAFE and not is_same_origin(request):
        raise AccessDenied("this request does not come from a page of this gateway")
    session = open_session(cookie, key=door.key, now=door.clock.now())
    if session.token_hash is not None:
        return door.tokens.owner_of_hash(bytes.fromhex(session.token_hash))
    return TokenOwner(tenant_id=session.tenant_id, name=session.name)


def is_same_origin(request: HTTPConnection) -> bool:
    """Whether the browser says that a page of ours has sent this."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


#: A tenant's person or program, by API token.
GivenOwner = Annotated[TokenOwner, Depends(_owner)]
#: The run's own script, by run token.
GivenWriter = Annotated[RunGrant, Depends(_writer)]
#: Tenant of whoever may read the run: its own script, or the tenant's people and programs.
GivenReader = Annotated[TenantId, Depends(_reader)]
