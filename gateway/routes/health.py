"""For supervisors and Prometheus: whether we work, and how much. No token: nothing of anybody's."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse

from gateway.documents import answer
from gateway.services import GivenServices
from storage.errors import translate_errors

_SECONDS = 2.0  # probes give up about then

router = APIRouter()


@router.get("/livez")
async def livez() -> JSONResponse:
    """200 when this process answers at all: without its database it waits, and need not be replaced."""
    return answer({"status": "ok"})


@router.get("/healthz")
def healthz(services: GivenServices) -> JSONResponse:
    """200 when this process and the database answer, 503 otherwise."""
    with translate_errors(), services.pool.connection(timeout=_SECONDS) as connection:
        connection.execute("SELECT 1")
    return answer({"status": "ok"})


@router.get("/metrics")
async def metrics(services: GivenServices) -> PlainTextResponse:
    """What the gateway has done, and what it holds."""
    services.meters.backlog_bytes.set(services.backlog.held_bytes)
    services.meters.waiting.set(services.batcher.n_waiting)
    return PlainTextResponse(services.meters.render(), media_type="text/plain; version=0.0.4")
