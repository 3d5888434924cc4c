"""An application that asks nobody who they are, behind the guard."""

import contextlib
import threading
from collections.abc import Generator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from gateway.door import Door
from gateway.guard import Guard
from storage.token_store import TokenStore
from sweeps.clock import SystemClock
from tests.integration.gateway.conftest import (
    KEY,
    TENANT,
    Platform,
    bearer,
    free_port,
    wait_for,
)

PAGE = {"Accept": "text/html"}


async def _say_it(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.method} {request.url.path}")


async def _answer(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


@contextlib.contextmanager
def guarded(
    platform: Platform, *, public_url: str | None = None
) -> Generator[httpx.Client, None, None]:
    """A browser, or a program, before a guarded application that listens."""
    app = Starlette(
        routes=[
            WebSocketRoute("/graphql", _answer),
            Route("/{path:path}", _say_it, methods=["GET", "POST"]),
        ]
    )
    door = Door(
        tokens=TokenStore(platform.pool), clock=SystemClock(), key=KEY, public_url=public_url
    )
    guard, port = Guard(app, door, tenants=[TENANT]), free_port()
    server = uvicorn.Server(uvicorn.Config(guard, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        here = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=here, timeout=20, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture
def client(platform: Platform) -> Generator[httpx.Client, None, None]:
    with guarded(platform) as client:
        yield client


def origin(client: httpx.Client) -> dict[str, str]:
    """What a browser says of a page of ours."""
    return {"Origin": str(client.base_url).rstrip("/")}


def socket_says(client: httpx.Client, headers: dict[str, str]) -> str:
    url = str(client.base_url).replace("http", "ws", 1).rstrip("/") + "/graphql"
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with connect(url, additional_headers={**headers, "Cookie": cookies}, proxy=None) as socket:
        return str(socket.recv())


def signed_in(client: httpx.Client, platform: Platform) -> httpx.Client:
    form = {"token": platform.token_of(TENANT), "next": "/runs?x=1"}
    answer = client.post("/login", data=form, headers=origin(client))
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?x=1")
    return client


@pytest.mark.parametrize(
    "path", ["/", "/graphql", "/server_info", "/report_asset_materialization/x"]
)
def test_without_a_token_there_is_nothing(client: httpx.Client, path: str) -> None:
    answer = client.post(path)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "POST" not in answer.text


def test_a_browser_is_sent_to_where_one_signs_in(client: httpx.Client) -> None:
    answer = client.get("/locations?q=a", headers=PAGE)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Flocations%3Fq%3Da"
    assert "API token" in client.get(answer.headers["location"]).text


def test_a_token_is_let_in(client: httpx.Client, platform: Platform) -> None:
    answer = client.post("/graphql", headers=bearer(platform.token_of(TENANT)))

    assert answer.text == "POST /graphql"


def test_a_revoked_token_is_not(client: httpx.Client, platform: Platform) -> None:
    token = platform.token_of(TENANT)
    TokenStore(platform.pool).revoke(tenant_id=TENANT, name="somebody")

    assert client.get("/", headers=bearer(token)).status_code == 401


def test_who_has_signed_in_is_let_in(client: httpx.Client, platform: Platform) -> None:
    browser = signed_in(client, platform)

    assert browser.get("/runs").text == "GET /runs"
    assert browser.post("/graphql", headers=origin(client)).text == "POST /graphql"


def test_the_page_of_another_site_changes_nothing(client: httpx.Client, platform: Platform) -> None:
    browser = signed_in(client, platform)

    assert browser.post("/graphql", headers={"Origin": "http://evil.example"}).status_code == 401
    assert browser.post("/graphql").status_code == 401


def test_a_tenant_sees_nothing_of_the_others(client: httpx.Client, platform: Platform) -> None:
    answer = client.get("/", headers={**PAGE, **bearer(platform.token_of("audio"))})

    assert answer.status_code == 403
    assert "tenant 'audio' does not open this" in answer.json()["error"]


def test_a_web_socket_needs_the_same(client: httpx.Client, platform: Platform) -> None:
    with pytest.raises(InvalidStatus):
        socket_says(client, origin(client))

    signed_in(client, platform)
    with pytest.raises(InvalidStatus):
        socket_says(client, {"Origin": "http://evil.example"})
    assert socket_says(client, origin(client)) == "inside"


def test_who_looks_whether_it_lives_needs_no_token(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}


def test_behind_tls_the_session_is_only_sent_by_tls(platform: Platform) -> None:
    form = {"token": platform.token_of(TENANT), "next": "/"}
    with guarded(platform, public_url="https://ui.example") as client:
        cookie = client.post("/login", data=form, headers=origin(client)).headers["set-cookie"]

    assert "Secure" in cookie
    assert "HttpOnly" in cookie
