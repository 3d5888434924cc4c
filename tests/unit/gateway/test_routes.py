"""docs/routes.md lists every route of the gateway, with the token that it takes."""

import re
from collections.abc import Iterator
from pathlib import Path

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from gateway import authentication, ingest
from gateway.app import ROUTERS

PAGE = Path(__file__).parents[3] / "docs" / "routes.md"
_ROW = re.compile(r"^\| `([A-Z]+) (/[^`?]*)` \| (\w+) \|", re.MULTILINE)
#: What lets a caller in, by the dependency that asks for it.
_TOKENS = {"_owner": "API", "_writer": "run", "_reader": "either"}


def routes() -> Iterator[APIRoute]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield route


def token_of(dependant: Dependant) -> str:
    for one in dependant.dependencies:
        if one.call is not None and one.call.__module__ == authentication.__name__:
            name = getattr(one.call, "__name__", "")
            if name in _TOKENS:
                return _TOKENS[name]
    return "none"


def test_the_table_has_every_route_and_its_token_and_no_other() -> None:
    there = {
        (method, re.sub(r":path\}", "}", route.path)): token_of(route.dependant)
        for route in routes()
        for method in route.methods or ()
    }
    there["POST", ingest.PATH] = "run"
    there["GET", "/api/v1/openapi.json"] = "none"

    rows = _ROW.findall(PAGE.read_text())

    listed = {(method, path): token for method, path, token in rows}
    assert listed == there
    assert len(rows) == len(listed), "a route is listed twice"


def test_what_takes_no_token_gives_nothing_of_anybodys() -> None:
    """A new route without a token has to be thought about, here as well."""
    without = {route.path for route in routes() if token_of(route.dependant) == "none"}

    assert without == {
        "/livez", "/healthz", "/metrics",  # nothing of anybody's
        "/login", "/logout", "/open", "/assets/{version}/{name}",  # who signs in has no session yet
        "/api/v1/blobs/{sha256}",  # a signed address
    }  # fmt: skip
