"""Lineage: what came out of what, as edges between names. Scoped to a tenant."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import class_row

from governance.lineage.facts import ArtifactFacts, DatasetFacts, Facts, RunFacts
from storage import queries
from storage.database import Pool, transaction
from sweeps.ids import TenantId
from sweeps.lineage import Edge, Graph, Kind, Node, NodeNotFound, kind_of, name_of

MOST_NODES = 20_000  #: on either side of a node, unless said otherwise
_EDGES_PER_NODE = 10  # more than that are of no graph that anybody can read
_MOST_DEPTH = 50  # a bound beyond it costs more in the database than reading what is there

_QUERIES = queries.load("lineage")
_RETENTION = queries.load("retention")
Connection = psycopg.Connection[tuple[Any, ...]]


class LineageStore:
    """Edges of a tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def add(self, edges: Iterable[Edge], *, tenant_id: TenantId) -> None:
        """Write edges down that no table tells of; those that are there stay."""
        upstream, downstream = zip(*edges, strict=True) if (edges := list(edges)) else ((), ())
        parameters = {
            "tenant_id": tenant_id,
            "upstream": list(upstream),
            "downstream": list(downstream),
        }
        with transaction(self._pool) as connection:
            connection.execute(_RETENTION["share_retention"])
            connection.execute(_QUERIES["insert_edges"], parameters)

    def graph(
        self,
        node: Node,
        *,
        tenant_id: TenantId,
        up: bool = True,
        down: bool = True,
        depth: int | None = None,
        most_nodes: int = MOST_NODES,
    ) -> Graph:
        """What a node came out of (`up`), and what came out of it (`down`).

        Args:
            depth: How many edges away at most; None: all there is.
            most_nodes: On each side as many, the nearest ones; with `depth` it may be some more.

        Raises:
            NodeNotFound: There is no such thing for the tenant.
        """
        asked = None if depth is None or depth > _MOST_DEPTH else depth
        # The node itself is one; with a bound on the depth there may be a row for each depth.
        n_rows = (most_nodes + 1) * (1 if asked is None else asked + 1)
        parameters: dict[str, Any] = {
            "tenant_id": tenant_id,
            "node": node,
            "name": name_of(node),
            "depth": asked,
            "nodes": n_rows,
            "edges": most_nodes * _EDGES_PER_NODE,
        }
        rows: list[tuple[Any, ...]] = []
        is_cut = False
        with transaction(self._pool) as connection:
            for side, is_asked in (("ancestors", up), ("descendants", down)):
                if is_asked:
                    found = connection.execute(_QUERIES[side], parameters).fetchall()
                    is_cut |= len(found) >= parameters["edges"] or any(row[2] for row in found[:1])
                    rows += found
            if not rows and not _is_known(connection, parameters):
                raise NodeNotFound(node)
        edges: Iterable[Edge] = (Edge(Node(row[0]), Node(row[1])) for row in rows)
        if up and down:
            edges = dict.fromkeys(edges)  # one between ancestors may be one between descendants
        graph = Graph(node, edges, is_cut=is_cut)
        return graph if depth is None else graph.within(depth)

    def facts(self, nodes: Sequence[Node], *, tenant_id: TenantId) -> Mapping[Node, Facts]:
        """What is known of runs, artifacts and versions of datasets, as far as they are there."""
        names: dict[str, list[str]] = {kind: [] for kind in Kind}
        for node in nodes:
            names.setdefault(kind_of(node), []).append(name_of(node))
        found: dict[Node, Facts] = {}
        with transaction(self._pool) as connection:
            runs = connection.cursor(row_factory=class_row(RunFacts))
            asked: dict[str, Any] = {"tenant_id": tenant_id, "run_ids": names[Kind.RUN]}
            for run in runs.execute(_QUERIES["runs"], asked):
                found[Node(f"{Kind.RUN}:{run.run_id}")] = run
            artifacts = connection.cursor(row_factory=class_row(ArtifactFacts))
            asked["names"] = names[Kind.ARTIFACT]
            found |= {one.node: one for one in artifacts.execute(_QUERIES["artifacts"], asked)}
            datasets = connection.cursor(row_factory=class_row(DatasetFacts))
            asked["names"] = names[Kind.DATASET]
            found |= {one.node: one for one in datasets.execute(_QUERIES["datasets"], asked)}
        return found


def _is_known(connection: Connection, parameters: Mapping[str, Any]) -> bool:
    row = connection.execute(_QUERIES["is_known"], parameters).fetchone()
    assert row is not None  # EXISTS always says something
    return bool(row[0])
