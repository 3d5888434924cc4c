"""Lineage: as JSON, and as a page with a picture."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from gateway.authentication import GivenOwner
from gateway.documents import answer
from gateway.html import page
from gateway.lineage_picture import picture
from gateway.services import GivenServices
from governance.lineage.facts import graph_document, words
from sweeps.lineage import excerpt, kind_of, name_of, parse_node

_MOST_NODES = 5_000  # of an answer, on each side
_MOST_SHOWN, _MOST_BESIDE = 80, 12  # of a picture

router = APIRouter()

Depth = Annotated[int | None, Query(ge=0, le=1_000_000)]


@router.get("/api/v1/lineage/{name:path}")
def get_lineage(
    name: str,
    owner: GivenOwner,
    services: GivenServices,
    *,
    up: bool = True,
    down: bool = True,
    depth: Depth = None,
    limit: Annotated[int, Query(ge=1, le=20_000)] = _MOST_NODES,
) -> JSONResponse:
    """What a run, an artifact, a version of a dataset or of a model came out of, and went into."""
    graph = services.lineage.graph(
        parse_node(name),
        tenant_id=owner.tenant_id,
        up=up,
        down=down,
        depth=depth,
        most_nodes=limit,
    )
    facts = services.lineage.facts(graph.nodes, tenant_id=owner.tenant_id)
    return answer(graph_document(graph, facts))


@router.get("/lineage/{name:path}", include_in_schema=False)
def show_lineage(
    name: str, owner: GivenOwner, services: GivenServices, depth: Depth = None
) -> Response:
    """The same as a picture of what is nearest."""
    graph = services.lineage.graph(
        parse_node(name), tenant_id=owner.tenant_id, depth=depth, most_nodes=_MOST_NODES
    )
    shown = excerpt(graph, most=_MOST_SHOWN, most_beside=_MOST_BESIDE)
    facts = services.lineage.facts(shown.nodes, tenant_id=owner.tenant_id)
    return page(
        "lineage.html",
        owner=owner,
        kind=kind_of(graph.root),
        title=name_of(graph.root),
        words=words(facts.get(graph.root)),
        picture=picture(shown, facts),
        n_above=len(graph.ancestors),
        n_below=len(graph.descendants),
        n_left_out=shown.n_left_out,
        is_cut=graph.is_cut,
        root=graph.root,
    )
