"""For supervisors and Prometheus: whether we work, and how much. No token: nothing of anybody's."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse

from gateway.documents import answer
from gateway.services import GivenServices
from storage.errors import translate_errors

_SECONDS = 2.0  # probes give up about then

router = APIRouter()


@router.get("/healthz")
def healthz(services: GivenServices) -> JSONResponse:
    """200 when this process and the database answer, 503 otherwise."""
    with translate_errors(), services.pool.connection(timeout=_SECONDS) as connection:
        connection.execute("SELECT 1")
    return answer({"status": "ok"})


@router.get("/metrics")
async def metrics(services: GivenServices) -> PlainTextResponse:
    """Counters of this process."""
    text = services.meters.render(
        backlog_bytes=services.backlog.held_bytes, waiting=services.batcher.n_waiting
    )
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")
