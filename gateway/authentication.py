"""Who is asking: tokens of requests, as parameters of routes."""

from typing import Annotated

from fastapi import Depends, Header

from gateway.services import GivenServices
from governance.access import ForeignRun, RunGrant, is_run_token, open_run_token
from storage.token_store import TokenOwner
from sweeps.errors import AccessDenied, RunNotFound, SweepNotFound
from sweeps.ids import RunId, SweepId, TenantId, is_name


async def _bearer(authorization: Annotated[str, Header()] = "") -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AccessDenied("send a token as `Authorization: Bearer …`")
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
_Bearer = Annotated[str, Depends(_bearer)]


def _owner(token: _Bearer, services: GivenServices) -> TokenOwner:
    return services.tokens.owner_of(token)


def _writer(token: _Bearer, run: GivenRun, services: GivenServices) -> RunGrant:
    grant = open_run_token(token, key=services.key, now=services.clock.now())
    if grant.run_id != run:
        raise ForeignRun(run)
    return grant


def _reader(token: _Bearer, run: GivenRun, services: GivenServices) -> TenantId:
    if is_run_token(token):
        return _writer(token, run, services).tenant_id
    return services.tokens.owner_of(token).tenant_id


#: A tenant's person or program, by API token.
GivenOwner = Annotated[TokenOwner, Depends(_owner)]
#: The run's own script, by run token.
GivenWriter = Annotated[RunGrant, Depends(_writer)]
#: Tenant of whoever may read the run: its own script, or the tenant's people and programs.
GivenReader = Annotated[TenantId, Depends(_reader)]
