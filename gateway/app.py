"""The gateway as one ASGI application: the ingest route bare, everything else by FastAPI."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from gateway import ingest
from gateway.body_limit import BodyLimit
from gateway.errors import InvalidRequest, answer_to
from gateway.html import error_page, is_page
from gateway.ingest import IngestRoute, Scope, Send
from gateway.paced_body import Receive
from gateway.routes import (
    artifacts,
    blobs,
    dataset_files,
    datasets,
    health,
    inputs,
    lineage,
    pages,
    runs,
    series,
    sign_in,
    sweeps,
)
from gateway.services import Services
from gateway.upkeep import StoreUpkeep, Upkeep
from sweeps.errors import SweepsError

logger = logging.getLogger(__name__)


class Gateway:
    """The whole application.

    Args:
        upkeep: Each runs as long as the application does.
    """

    def __init__(self, services: Services, *, upkeep: Sequence[Upkeep | StoreUpkeep]) -> None:
        self._ingest = IngestRoute(
            services.batcher,
            backlog=services.backlog,
            meters=services.meters,
            key=services.key,
            clock=services.clock,
            body_seconds=services.body_seconds,
            runs=services.runs,
        )
        self._api = _api(services, upkeep)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request, or the process's life."""
        if scope["type"] == "http" and scope["path"] == ingest.PATH:
            await self._ingest(scope, receive, send)
        else:
            await self._api(scope, receive, send)


def _api(services: Services, upkeep: Sequence[Upkeep | StoreUpkeep]) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        batches = asyncio.create_task(services.batcher.run())
        around = [asyncio.create_task(one.run()) for one in upkeep]
        yield
        for task in around:
            task.cancel()
        services.batcher.close()
        await batches  # what was accepted is stored and answered first

    api = FastAPI(
        title="Sweepworks",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    api.state.services = services
    api.add_middleware(BodyLimit, body_seconds=services.body_seconds)
    api.add_exception_handler(SweepsError, _refuse)
    api.add_exception_handler(RequestValidationError, _refuse_input)
    api.add_exception_handler(HTTPException, _refuse_route)
    api.add_exception_handler(Exception, _apologise)
    for part in (
        health, series, runs, artifacts, inputs, blobs, datasets, dataset_files, sweeps, lineage, pages, sign_in,
    ):  # fmt: skip
        api.include_router(part.router)
    return api


async def _refuse(request: Request, exc: Exception) -> Response:
    if is_page(request):
        return error_page(request, cast("SweepsError", exc))
    answer = answer_to(cast("SweepsError", exc))
    return Response(
        answer.body(),
        status_code=answer.status,
        headers=dict(answer.headers),
        media_type="application/json",
    )


async def _refuse_input(request: Request, exc: Exception) -> Response:
    problems = cast("Sequence[dict[str, Any]]", cast("RequestValidationError", exc).errors())
    sentence = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems[:10]
    )
    return await _refuse(request, InvalidRequest(sentence))


async def _refuse_route(_: Request, exc: Exception) -> Response:
    if isinstance(exc.__cause__, SweepsError):  # of a body: FastAPI knows no reason but bad JSON
        return await _refuse(_, exc.__cause__)
    refused = cast("HTTPException", exc)
    return JSONResponse(
        {"error": str(refused.detail)}, status_code=refused.status_code, headers=refused.headers
    )


async def _apologise(_: Request, __: Exception) -> Response:
    # The server logs the traceback; the client gets none of it.
    return JSONResponse({"error": "the gateway failed; its log says why"}, status_code=500)
