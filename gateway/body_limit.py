"""Bounds on bodies of JSON; how large blobs may be is in their signature."""

from starlette.types import ASGIApp

from gateway.errors import TooLarge, answer_to
from gateway.ingest import Scope, Send
from gateway.paced_body import Message, PacedBody, Receive

_LIMIT_BYTES = 4 * 2**20
_UNBOUNDED = "/api/v1/blobs/"


class BodyLimit:
    """ASGI middleware that reads no more than 4 MiB of a body, nor for ever."""

    def __init__(self, app: ASGIApp, *, body_seconds: float) -> None:
        self._app = app
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it says that it is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        paced = PacedBody(receive, seconds=self._body_seconds)
        if scope["path"].startswith(_UNBOUNDED):
            await self._app(scope, paced, send)
            return
        announced: bytes = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > _LIMIT_BYTES:
            await _refuse(send)
            return
        size = 0

        async def bounded() -> Message:
            nonlocal size
            message = await paced()
            size += len(message.get("body", b""))
            if size > _LIMIT_BYTES:  # sent in chunks, without a length
                raise TooLarge(f"a body has at most {_LIMIT_BYTES} bytes")
            return message

        await self._app(scope, bounded, send)


async def _refuse(send: Send) -> None:
    answer = answer_to(TooLarge(f"a body has at most {_LIMIT_BYTES} bytes"))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body()})
