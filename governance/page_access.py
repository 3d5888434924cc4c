"""How a person's browser gets to the pages: one-time links, and sessions that a cookie holds.

Pure, as `access` is, and signed in the same way.
"""

import base64
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from governance.access import check_signature, sign
from sweeps.errors import AccessDenied
from sweeps.ids import TenantId

_LINK_KIND = "swl1"
_SESSION_KIND = "swp1"
LINK_PATH = "/open"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageGrant:
    """What a link says: whoever opens it first, before then, gets a session and this page."""

    tenant_id: TenantId
    path: str
    nonce: str
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSession:
    """What a cookie says: its bearer reads for this tenant, until then."""

    tenant_id: TenantId
    name: str
    token_hash: str | None  #: hexadecimal, of the API token that opened it; it ends with that
    expires_at: dt.datetime


def is_own_path(path: str) -> bool:
    """Whether a browser that is sent there stays here: `//elsewhere` is another host."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def signed_link(grant: PageGrant, *, key: bytes) -> str:
    """Path and query that open the page."""
    claims = [grant.tenant_id, grant.path, grant.nonce, int(grant.expires_at.timestamp())]
    return f"{LINK_PATH}?{urlencode({'grant': _signed(_LINK_KIND, claims, key=key)})}"


def open_link(text: str, *, key: bytes, now: dt.datetime) -> PageGrant:
    """What a link allows; whether it was used before is for the caller to find out.

    Raises:
        AccessDenied: It is malformed, forged or expired.
    """
    tenant, path, nonce, expires = _opened(_LINK_KIND, text, key=key)
    grant = PageGrant(
        tenant_id=TenantId(tenant),
        path=path,
        nonce=nonce,
        expires_at=dt.datetime.fromtimestamp(expires, dt.UTC),
    )
    if now >= grant.expires_at:
        raise AccessDenied("this link has expired; ask for a new one")
    return grant


def signed_session(session: PageSession, *, key: bytes) -> str:
    """The cookie's value."""
    claims = [
        session.tenant_id,
        session.name,
        session.token_hash,
        int(session.expires_at.timestamp()),
    ]
    return _signed(_SESSION_KIND, claims, key=key)


def open_session(text: str, *, key: bytes, now: dt.datetime) -> PageSession:
    """What a cookie allows.

    Raises:
        AccessDenied: It is malformed, forged or expired.
    """
    tenant, name, token_hash, expires = _opened(_SESSION_KIND, text, key=key)
    session = PageSession(
        tenant_id=TenantId(tenant),
        name=name,
        token_hash=token_hash,
        expires_at=dt.datetime.fromtimestamp(expires, dt.UTC),
    )
    if now >= session.expires_at:
        raise AccessDenied("this session has ended; sign in again")
    return session


def _signed(kind: str, claims: Sequence[object], *, key: bytes) -> str:
    text = json.dumps(claims, separators=(",", ":")).encode()
    body = base64.urlsafe_b64encode(text).decode("ascii").rstrip("=")
    return f"{kind}.{body}.{sign(kind, body, key=key)}"


def _opened(kind: str, text: str, *, key: bytes) -> list[Any]:
    found, _, rest = text.partition(".")
    body, _, signature = rest.partition(".")
    # The signature comes first: nothing unsigned is looked into.
    if found != kind or not check_signature(signature, kind, body, key=key):
        raise AccessDenied("this was not signed by this platform, or it was changed")
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
