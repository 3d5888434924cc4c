"""Pages: templates whose values are escaped, and the headers that bind a browser to them."""

import functools
import hashlib
import math
from importlib.resources import files
from urllib.parse import quote

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.errors import answer_to
from sweeps.errors import AccessDenied, SweepsError
from sweeps.money import dollars

# Scripts and styles from here only. The plotting library writes style sheets of its own into the
# page, which is why those may be inline; scripts may not.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
#: What a person may go to from everywhere, in the order in which they are offered.
_PLACES = {
    "Runs": "/compare",
    "Experiments": "/experiments",
    "Queue": "/queue",
    "Cost": "/cost",
    "Budgets": "/budgets",
    "Models": "/models",
    "Retention": "/retention",
    "Reports": "/reports",
    "Graveyard": "/graveyard",
    "Policies": "/policies",
    "Tenants": "/tenants",
}
_PREFIXES = (
    *_PLACES.values(), "/runs/", "/sweeps/", "/lineage/", "/annotate", "/login", "/open",
)  # fmt: skip


def page(name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A template of `gateway/templates`, filled in."""
    text = _environment().get_template(name).render(**values)
    return HTMLResponse(text, status_code=status, headers=_HEADERS)


def is_page(request: Request) -> bool:
    """Whether a person's browser waits for a page."""
    return request.url.path.startswith(_PREFIXES)


def error_page(request: Request, exc: SweepsError) -> Response:
    """What a person is told; who is not signed in is sent to where that is done."""
    if isinstance(exc, AccessDenied) and request.method == "GET" and request.url.path != "/open":
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(here, safe='')}", status_code=303)
    answer = answer_to(exc)
    return page("error.html", status=answer.status, sentence=answer.sentence)


def number(value: object) -> str:
    """A value of a table for people."""
    match value:
        case None:
            return "–"  # noqa: RUF001 - a dash for what is not there
        case bool():
            return str(value).lower()
        case float() if not math.isfinite(value):
            return str(value)
        case float():
            return f"{value:.5g}"
        case _:
            return str(value)


def duration(seconds: float | None) -> str:
    """``1 h 05 m``, ``3 m 20 s`` or ``12.3 s``."""
    if seconds is None:
        return number(None)
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} m"
    return f"{minutes} m {left:02d} s" if minutes else f"{seconds:.1f} s"


def asset_path(name: str) -> str:
    """Where a page loads one of `ASSETS` from."""
    return f"/assets/{asset_version(name)}/{name}"


def asset_paths() -> list[str]:
    """All that `asset_path` says."""
    return [asset_path(name) for name in ASSETS]


@functools.cache
def asset_version(name: str) -> str:
    """Stands for a file's content in its address, so that it may be kept for ever."""
    return hashlib.sha256(asset(name)).hexdigest()[:12]


@functools.cache
def asset(name: str) -> bytes:
    """A file that pages load; one of `ASSETS`."""
    package, path = ASSETS[name]
    return files(package).joinpath(path).read_bytes()


ASSETS = {
    "plotly.min.js": ("plotly", "package_data/plotly.min.js"),
    "cost.js": ("gateway", "static/cost.js"),
    "curves.js": ("gateway", "static/curves.js"),
    "pages.css": ("gateway", "static/pages.css"),
}


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gateway"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, duration=duration, dollars=dollars)  # pyright: ignore[reportUnknownMemberType]  not typed there
    environment.globals.update(asset=asset_path, places=_PLACES)  # pyright: ignore[reportUnknownMemberType]  likewise
    return environment
