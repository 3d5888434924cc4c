"""Browsers as far as HTTP goes: a session by a link, or by a token that a person types."""

import datetime as dt
from typing import Any

import httpx

from governance.access import Sees
from governance.page_access import PageGrant, signed_link
from storage.token_store import TokenStore
from sweeps.ids import TenantId
from tests.integration.gateway.conftest import KEY, OPEN_BROWSERS, TENANT, Platform


def link(path: str, *, seconds: float = 60, nonce: str = "n", tenant: str = TENANT) -> str:
    grant = PageGrant(
        tenant_id=TenantId(tenant),
        path=path,
        nonce=nonce,
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds),
    )
    return signed_link(grant, key=KEY)


def a_browser(platform: Platform, path: str | None = "/compare", **changes: Any) -> httpx.Client:
    """One that has opened a link, if there is a path."""
    browser = httpx.Client(base_url=platform.url, timeout=20, trust_env=False)
    OPEN_BROWSERS.append(browser)
    if path is not None:
        assert browser.get(link(path, **changes)).status_code == 200
    return browser


def browser_of(
    platform: Platform, name: str, *, tenant: str = TENANT, sees: Sees = Sees.TENANT
) -> httpx.Client:
    """One that this person has signed in with a token of their own name."""
    browser = a_browser(platform, None)
    token = TokenStore(platform.pool).create(tenant_id=TenantId(tenant), name=name, sees=sees)
    form = {"token": token, "next": "/models"}
    answer = browser.post("/login", data=form, headers={"Origin": platform.url})
    assert answer.status_code == 303
    return browser
