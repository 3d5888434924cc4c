"""Curves of one or many runs, as finely as a plot can show them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gateway.authentication import GivenOwner
from gateway.caching import etag, headers_of, known
from gateway.curve_documents import VERSION, series_body
from gateway.services import GivenServices, Services
from gateway.viewports import Family, SeriesQuery, asked_keys, asked_runs, viewport
from retention.resolution import Viewport
from storage.points.points import SYSTEM
from storage.points.system_points import PostgresSystemMetrics
from sweeps.ids import TenantId

router = APIRouter(prefix="/api/v1/query/series")


@router.post("")
def post_query(
    body: SeriesQuery, request: Request, owner: GivenOwner, services: GivenServices
) -> Response:
    """Curves for one plot; see docs/wire.md."""
    seen = viewport(body.axis, body.low, body.high, body.pixels)
    return series_answer(
        request, services, owner.tenant_id, body.runs, body.keys, seen, family=body.family
    )


@router.get("")
def get_query(
    query: Annotated[SeriesQuery, Query()],
    request: Request,
    owner: GivenOwner,
    services: GivenServices,
) -> Response:
    """The same as an address, which browsers keep: `?runs=a&runs=b&keys=loss`."""
    seen = viewport(query.axis, query.low, query.high, query.pixels)
    return series_answer(
        request, services, owner.tenant_id, query.runs, query.keys, seen, family=query.family
    )


def series_answer(
    request: Request,
    services: Services,
    tenant_id: TenantId,
    run_names: Sequence[str],
    key_names: Sequence[str],
    seen: Viewport,
    *,
    family: Family,
) -> Response:
    """The answer, or 304; about sealed runs only, it may be kept for ever.

    What is measured beside the training goes some time later: the answer is another one then.
    """
    run_ids = asked_runs(run_names)
    keys = asked_keys(key_names, n_runs=len(run_ids))
    runs = services.curves.runs(run_ids, tenant_id=tenant_id)
    tag = None
    if all(run.settled_at for run in runs):
        sealed = [[run.run_id, run.settled_at] for run in runs]
        dropped = (
            PostgresSystemMetrics(services.pool).dropped_at(run_ids) if family == SYSTEM else []
        )
        tag = etag(
            VERSION, sealed, dropped, family, keys, seen.axis, seen.pixels, seen.low, seen.high
        )
    if (unchanged := known(request, tag)) is not None:
        return unchanged
    body = series_body(services.curves.read(runs, keys, seen, family=family), seen)
    return Response(body, media_type="application/json", headers=dict(headers_of(tag)))
