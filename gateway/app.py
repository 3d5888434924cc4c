"""The gateway as one ASGI application: the ingest route bare, everything else by FastAPI."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

from fastapi import FastAPI

from gateway import ingest
from gateway.body_limit import BodyLimit
from gateway.error_answers import answer_errors
from gateway.ingest import IngestRoute, Scope, Send
from gateway.paced_body import Receive
from gateway.routes import (
    annotation_forms,
    annotations,
    artifacts,
    blobs,
    budgets,
    costs,
    dataset_files,
    datasets,
    escalations,
    evaluations,
    graveyard,
    health,
    inputs,
    lineage,
    models,
    page_assets,
    pages,
    policies,
    portfolio,
    queue,
    reports,
    retention,
    runs,
    series,
    sign_in,
    sweeps,
    tenants,
)
from gateway.services import Services
from gateway.upkeep import StoreUpkeep, Upkeep

#: Of everything but the ingest route; docs/routes.md lists what they have.
ROUTERS = tuple(
    part.router
    for part in (
        health, series, runs, artifacts, inputs, blobs, datasets, dataset_files, sweeps, lineage,
        costs, budgets, annotations, annotation_forms, evaluations, models, page_assets, pages,
        policies, portfolio, queue, reports, retention, sign_in, graveyard, tenants,
        escalations,
    )
)  # fmt: skip


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
    answer_errors(api)
    for router in ROUTERS:
        api.include_router(router)
    return api
