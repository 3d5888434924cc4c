"""Whatever number, day or word stands in an address: no route fails on it."""

import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from gateway.app import ROUTERS
from tests.integration.gateway.conftest import TOKEN, Platform, bearer

_ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
_VALUES = [
    "-1", "0", "2147483648", "9223372036854775807", "9223372036854775808", "99999999999999999999",
    "9" * 5000, "1e400", "nan", "0001-01-01", "1970-01-01", "9999-12-31", "2026-13-01", "\x00", "é\n",
    "null", "%", "a@99999999999999999999",
]  # fmt: skip
_BODY = {"on": "run:x", "text": "x", "tag": "x", "target": "VIS-1"}


def _addresses(route: APIRoute, value: str) -> Iterator[str]:
    """The route's address with `value` in one place at a time."""
    parts = list(_with_all_below(route.dependant))
    inside = sorted({one.name for part in parts for one in part.path_params})
    taken = [one for part in parts for one in part.query_params]
    plain = dict.fromkeys(inside, "1")
    asked = {one.alias: "1" for one in taken if one.field_info.is_required()}
    for name in inside:
        yield _filled(route.path, plain | {name: value})
    for parameter in taken:
        yield f"{_filled(route.path, plain)}?{urlencode(asked | {parameter.alias: value})}"


def _with_all_below(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _with_all_below(part)


def _filled(path: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        for form in (f"{{{name}}}", f"{{{name}:path}}"):
            path = path.replace(form, quote(value, safe=""))
    return path


def test_no_route_fails_on_an_extreme_value(platform: Platform) -> None:
    failed: list[tuple[str, str, int]] = []
    n_asked = 0
    for route, value in itertools.product(_ROUTES, _VALUES):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            body: dict[str, Any] = {} if method in {"GET", "DELETE"} else {"json": _BODY}
            for address in _addresses(route, value):
                answer = platform.client.request(method, address, headers=bearer(TOKEN), **body)
                n_asked += 1
                if answer.status_code >= 500:
                    failed.append((method, address[:200], answer.status_code))

    assert n_asked > 1000
    assert failed == []


def test_what_cannot_be_is_refused(platform: Platform) -> None:
    for address in (
        "/api/v1/cost?until=0001-01-01",
        "/api/v1/cost?since=9999-12-31",
        "/api/v1/models/digits/versions/99999999999999999999",
        "/api/v1/annotations/notes/9223372036854775808?on=run:x",
    ):
        assert 400 <= platform.get(address).status_code < 500, address
