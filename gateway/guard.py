"""Another application behind our tokens and sessions: for one that asks nobody who they are.

Browsers sign in with it as they do with the gateway, by the same form and the same cookie.
"""

import asyncio
from collections.abc import Collection
from urllib.parse import quote

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.authentication import connection_owner
from gateway.door import Door
from gateway.error_answers import answer_errors
from gateway.errors import answer_to
from gateway.html import asset_paths
from gateway.routes import page_assets, sign_in
from governance.tenants import NotAMember
from sweeps.errors import AccessDenied, SweepsError
from sweeps.ids import TenantId

_LIVE = "/livez"
_POLICY_VIOLATION = 1008  # of the web socket protocol


class Guard:
    """ASGI: passes on what comes with a token or a session, and refuses everything else.

    Args:
        tenants: Whose tokens are good here. The application knows no tenants: whoever is let in
            sees everybody's things.
    """

    def __init__(self, app: ASGIApp, door: Door, *, tenants: Collection[TenantId]) -> None:
        self._app = app
        self._door = door
        self._tenants = tenants
        self._sign_in = _sign_in_api(door)
        self._sign_in_paths = frozenset(("/login", "/logout", "/open", *asset_paths()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, or the process's life."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == _LIVE:
            await JSONResponse({"status": "ok"})(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] in self._sign_in_paths:
            await self._sign_in(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            await asyncio.to_thread(self._check, connection)
        except SweepsError as exc:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
                return
            await _refusal(connection, exc)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, connection: HTTPConnection) -> None:
        owner = connection_owner(connection, self._door)
        if owner.tenant_id not in self._tenants:
            raise NotAMember(
                f"a token of tenant {owner.tenant_id!r} does not open this; it shows what all "
                f"tenants do, and tokens of {', '.join(sorted(self._tenants))} do"
            )


def _sign_in_api(door: Door) -> FastAPI:
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    api.state.services = door
    answer_errors(api)
    api.include_router(sign_in.router)
    api.include_router(page_assets.router)
    return api


def _refusal(connection: HTTPConnection, exc: SweepsError) -> Response:
    is_visit = connection.scope["method"] == "GET" and "text/html" in connection.headers.get(
        "accept", ""
    )
    if is_visit and isinstance(exc, AccessDenied) and not isinstance(exc, NotAMember):
        query = connection.url.query
        here = connection.url.path + (f"?{query}" if query else "")
        return RedirectResponse(f"/login?next={quote(here, safe='')}", status_code=303)
    answer = answer_to(exc)
    return Response(
        answer.body(),
        status_code=answer.status,
        headers=dict(answer.headers),
        media_type="application/json",
    )
