"""Answers that never change: about sealed runs only, known again by a strong ETag."""

import hashlib
import json
from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response

_FOR_EVER = "private, max-age=31536000, immutable"


def etag(*parts: object) -> str:
    """A strong ETag of what an answer follows from; `parts` are what JSON has, or times."""
    text = json.dumps(parts, default=str, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def headers_of(tag: str | None) -> Mapping[str, str]:
    """Headers of an answer with that ETag; without one it may be another the next time."""
    vary = {"Vary": "Authorization, Cookie"}
    if tag is None:
        return {"Cache-Control": "no-cache", **vary}
    return {"ETag": tag, "Cache-Control": _FOR_EVER, **vary}


def known(request: Request, tag: str | None) -> Response | None:
    """304 when the client has the answer with that ETag."""
    given = request.headers.get("if-none-match", "")
    tags = {part.strip().removeprefix("W/") for part in given.split(",")}
    if tag is None or not tags & {tag, "*"}:
        return None
    return Response(status_code=304, headers=dict(headers_of(tag)))
