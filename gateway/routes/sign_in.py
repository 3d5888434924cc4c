"""How a browser gets in: by an API token, typed once, or by a one-time link of the command line."""

import asyncio
import datetime as dt
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from gateway.authentication import SESSION_COOKIE, is_same_origin
from gateway.door import Door, GivenDoor
from gateway.html import page
from governance.access import BY_LINK, hash_token
from governance.page_access import (
    PageSession,
    is_own_path,
    open_link,
    signed_session,
)
from sweeps.errors import AccessDenied
from sweeps.ids import TenantId

_LIFE = dt.timedelta(hours=12)

router = APIRouter()


@router.get("/login", include_in_schema=False)
def login_page(target: Annotated[str, Query(alias="next")] = "/compare") -> Response:
    """Asks for a token."""
    return page("login.html", target=_own(target), problem="")


@router.post("/login", include_in_schema=False)
async def sign_in(request: Request, door: GivenDoor) -> Response:
    """Takes the token, keeps it as a session."""
    if not is_same_origin(request):
        raise AccessDenied("this form does not come from a page of this gateway")
    form = parse_qs((await request.body()).decode("utf-8", errors="replace"))
    token, target = (form.get(name, [""])[0].strip() for name in ("token", "next"))
    try:
        owner = await asyncio.to_thread(door.tokens.owner_of, token)
    except AccessDenied as exc:
        return page("login.html", status=401, target=_own(target), problem=str(exc))
    answer = RedirectResponse(_own(target), status_code=303)
    _let_in(
        answer,
        request,
        door,
        tenant_id=owner.tenant_id,
        name=owner.name,
        token_hash=hash_token(token).hex(),
    )
    return answer


@router.post("/logout", include_in_schema=False)
def sign_out(request: Request) -> Response:
    """Forgets the session."""
    if not is_same_origin(request):
        raise AccessDenied("this form does not come from a page of this gateway")
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return answer


@router.get("/open", include_in_schema=False)
def open_once(request: Request, door: GivenDoor, grant: str = "") -> Response:
    """Opens a page by a link that is good once."""
    found = open_link(grant, key=door.key, now=door.clock.now())
    if not is_own_path(found.path):
        raise AccessDenied("this link leads elsewhere")
    door.tokens.use_link(found.nonce, expires_at=found.expires_at)
    # A page that goes on, not a redirect: from it the strict cookie is sent, wherever one came from.
    answer = page("open.html", target=found.path)
    _let_in(answer, request, door, tenant_id=found.tenant_id, name=BY_LINK, token_hash=None)
    return answer


def _let_in(
    answer: Response,
    request: Request,
    door: Door,
    *,
    tenant_id: TenantId,
    name: str,
    token_hash: str | None,
) -> None:
    session = PageSession(
        tenant_id=tenant_id,
        name=name,
        token_hash=token_hash,
        expires_at=door.clock.now() + _LIFE,
    )
    answer.set_cookie(
        SESSION_COOKIE,
        signed_session(session, key=door.key),
        max_age=int(_LIFE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https" or door.is_public_by_tls,
    )


def _own(path: str) -> str:
    return path if is_own_path(path) else "/compare"
