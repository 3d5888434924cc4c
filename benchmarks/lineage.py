"""How long the lineage of a model with ten thousand ancestors takes, whatever their shape.

Shapes: `chain` of 10,000, `fan` of 10,000 beside each other, `tree` in which each came out of ten,
`lattice` of 100 layers in which each node came out of three of the layer before: 30,000 edges. The database has as
many edges of others again.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from benchmarks.machine import show
from benchmarks.postgres import fresh_database, server
from storage.database import connect, open_pool
from storage.lineage.graph import LineageStore
from storage.token_store import TokenStore
from sweeps.ids import TenantId
from sweeps.lineage import Edge, Node

_TENANT = TenantId("default")
_GOAL_SECONDS = 0.2


def _node(shape: str, number: int) -> Node:
    return Node(
        f"artifact:{shape}-{number // 10:05d}/model-{number}.pt" if number else f"model:{shape}@1"
    )


def chain(n: int) -> list[Edge]:
    return [Edge(_node("chain", i + 1), _node("chain", i)) for i in range(n)]


def fan(n: int) -> list[Edge]:
    return [Edge(_node("fan", i + 1), _node("fan", 0)) for i in range(n)]


def tree(n: int) -> list[Edge]:
    return [Edge(_node("tree", i + 1), _node("tree", i // 10)) for i in range(n)]


def lattice(n: int) -> list[Edge]:
    edges = [Edge(_node("lattice", i + 1), _node("lattice", 0)) for i in range(100)]
    for i in range(n - 100):
        layer, place = divmod(i, 100)
        edges += [
            Edge(
                _node("lattice", (layer + 1) * 100 + (place + j) % 100 + 1), _node("lattice", i + 1)
            )
            for j in range(3)
        ]
    return edges


SHAPES: dict[str, Callable[[int], list[Edge]]] = {
    "chain": chain, "fan": fan, "tree": tree, "lattice": lattice,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ancestors", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    figures: dict[str, object] = {"ancestors": arguments.ancestors}
    with (
        server() as address,
        fresh_database(address) as url,
        open_pool(url, max_size=1) as pool,
    ):
        TokenStore(pool).create(tenant_id=_TENANT, name="benchmark")
        store = LineageStore(pool)
        for make in SHAPES.values():
            edges = make(arguments.ancestors)
            store.add(edges, tenant_id=_TENANT)
        others = [
            Edge(Node(f"run:other-{i}"), Node(f"artifact:other-{i}/m")) for i in range(50_000)
        ]
        store.add(others, tenant_id=_TENANT)
        with connect(url, autocommit=True) as connection:  # as autovacuum does within a minute
            connection.execute("VACUUM (ANALYZE) sweepworks.lineage_edges")
        for shape in SHAPES:
            took: list[float] = []
            for _ in range(arguments.repeats):
                began = time.perf_counter()
                graph = store.graph(_node(shape, 0), tenant_id=_TENANT, down=False)
                took.append(time.perf_counter() - began)
                assert len(graph.ancestors) == arguments.ancestors, len(graph.ancestors)
            figures[f"{shape}_seconds"] = statistics.median(took)
            figures[f"{shape}_worst_seconds"] = max(took)
    figures["is_good"] = all(
        float(str(figures[f"{shape}_seconds"])) <= _GOAL_SECONDS for shape in SHAPES
    )
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
