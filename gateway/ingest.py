"""The ingest route, as plain ASGI: a framework would cost more than all the rest of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sweepworks.wire import MAX_BYTES

from gateway.backlog import Backlog
from gateway.batcher import Batcher
from gateway.decoding import decode_delivery
from gateway.errors import InvalidRequest, TooLarge, answer_to
from gateway.meters import Meters
from gateway.paced_body import Message, PacedBody, Receive
from governance.access import RunGrant, open_run_token
from storage.deliveries import Receipt
from storage.runs.catalog import RunCatalog
from sweeps.clock import Clock
from sweeps.errors import AccessDenied, StateConflict, SweepsError
from sweeps.states import Decision

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

PATH = "/api/v1/ingest"
_IN_THREAD_BYTES = 256 * 1024  # decoding more than that would hold up everybody else's requests
_MOST_GRANTS = 50_000  # of tokens that were opened before; some 30 MB


class ClientGone(Exception):
    """The connection was lost before the whole body had come."""


class IngestRoute:
    """`POST /api/v1/ingest`.

    Args:
        key: Signs run tokens, so that checking one needs no database.
        body_seconds: How long a body may take; see `PacedBody`.
        runs: Says why a run is sealed.
    """

    def __init__(
        self,
        batcher: Batcher,
        *,
        backlog: Backlog,
        meters: Meters,
        key: bytes,
        clock: Clock,
        body_seconds: float,
        runs: RunCatalog,
    ) -> None:
        self._batcher = batcher
        self._backlog = backlog
        self._meters = meters
        self._key = key
        self._clock = clock
        self._body_seconds = body_seconds
        self._runs = runs
        self._grants: dict[bytes, RunGrant] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            sequence, receipt = await self._take(scope, receive)
            status, body, headers = 200, _acknowledgement(sequence, receipt), {}
        except ClientGone:
            return
        except SweepsError as exc:
            answer = answer_to(exc)
            status, body, headers = answer.status, answer.body(), dict(answer.headers)
        if scope["method"] != "POST":
            status, headers = 405, {"Allow": "POST"}
        self._meters.requests.labels(status).inc()
        raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in headers.items()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": raw_headers})
        await send({"type": "http.response.body", "body": body})

    async def _take(self, scope: Scope, receive: Receive) -> tuple[int, Receipt]:
        if scope["method"] != "POST":
            raise InvalidRequest("send flushes by POST")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        grant = self._grant(headers.get(b"authorization", b""))
        is_json = headers.get(b"content-type", b"").lower().startswith(b"application/json")
        _check_announced(headers)
        receive = PacedBody(receive, seconds=self._body_seconds)
        held = 0  # what has come, not what was announced: else who stalls holds what others need
        try:
            parts: list[bytes] = []
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                part: bytes = message.get("body", b"")
                if held + len(part) > MAX_BYTES:
                    raise TooLarge(f"a flush has at most {MAX_BYTES} bytes")
                self._backlog.hold(len(part), grant)
                held += len(part)
                parts.append(part)
                if not message.get("more_body", False):
                    break
            return await self._store(b"".join(parts), is_json=is_json, grant=grant)
        finally:
            self._backlog.release(held, grant)

    async def _store(self, body: bytes, *, is_json: bool, grant: RunGrant) -> tuple[int, Receipt]:
        if len(body) > _IN_THREAD_BYTES:
            delivery = await asyncio.to_thread(decode_delivery, body, is_json=is_json, grant=grant)
        else:
            delivery = decode_delivery(body, is_json=is_json, grant=grant)
        flush = delivery.flush
        try:
            return flush.sequence, await self._batcher.submit(delivery)
        except StateConflict as exc:
            end = await asyncio.to_thread(self._runs.end_of, grant.run_id, writer=flush.writer)
            if flush.sequence <= end.watermark:  # stored, and its answer was lost
                return flush.sequence, Receipt(control=Decision.CONTINUE, is_new=False)
            # A script that has lived on unheard is to know why nothing of it is stored any more.
            raise StateConflict(exc.what, current=f"sealed ({end})", asked=exc.asked) from exc

    def _grant(self, authorization: bytes) -> RunGrant:
        now = self._clock.now()
        known = self._grants.get(authorization)
        if known is not None and now < known.expires_at:
            return known
        scheme, _, token = authorization.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise AccessDenied("send the run token as `Authorization: Bearer …`")
        grant = open_run_token(token.strip(), key=self._key, now=now)
        if len(self._grants) >= _MOST_GRANTS:
            self._grants.clear()
        self._grants[authorization] = grant
        return grant


def _check_announced(headers: dict[bytes, bytes]) -> None:
    text = headers.get(b"content-length", b"0")
    announced = int(text) if text.isdigit() else 0  # the server has refused what is no number
    if announced > MAX_BYTES:
        raise TooLarge(f"a flush has at most {MAX_BYTES} bytes, {announced} were announced")


def _acknowledgement(sequence: int, receipt: Receipt) -> bytes:
    if not receipt.refused:
        return b'{"acked": %d, "control": "%s", "refused": []}' % (
            sequence,
            receipt.control.value.encode(),
        )
    document: dict[str, object] = {
        "acked": sequence,
        "control": str(receipt.control),
        "refused": [{"what": part.what, "why": part.why} for part in receipt.refused],
    }
    return json.dumps(document).encode()
