"""What came out of what, read back from the database."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.lineage.facts import ArtifactFacts, DatasetFacts, RunFacts
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool
from storage.lineage.graph import LineageStore
from sweeps.ids import TenantId
from sweeps.lineage import Edge, Graph, Node, NodeNotFound
from tests.integration.storage.lineage_world import CODE, TENANT, LineageWorld


@pytest.fixture
def world(pool: Pool, tmp_path: Path) -> LineageWorld:
    return LineageWorld(pool, ArtifactFolder(tmp_path))


@pytest.fixture
def store(pool: Pool) -> LineageStore:
    return LineageStore(pool)


def edge(upstream: str, downstream: str) -> Edge:
    return Edge(Node(upstream), Node(downstream))


def test_a_model_reaches_its_data_and_its_code(world: LineageWorld, store: LineageStore) -> None:
    world.dataset("digits", 2, parents=(("raw", 1),))
    run = world.whole_run(
        "scratch-aaaaaaaaaaaa", dataset=("digits", 2), code={**CODE, "is_dirty": True}
    )
    world.artifact(run)
    artifact = f"artifact:{run}/model.pt"
    store.add([edge(artifact, "model:best@1")], tenant_id=TENANT)

    graph = store.graph(Node("model:best@1"), tenant_id=TENANT)
    facts = store.facts(graph.nodes, tenant_id=TENANT)

    assert graph.ancestors == {
        artifact: 1,
        f"run:{run}": 2,
        "dataset:digits@2": 3,
        "dataset:raw@1": 4,
    }
    code = facts[Node(f"run:{run}")]
    assert isinstance(code, RunFacts)
    assert (code.commit, code.is_dirty, code.script, code.has_data) == (
        "c" * 40,
        True,
        "train.py",
        True,
    )
    data, file = facts[Node("dataset:digits@2")], facts[Node(artifact)]
    assert isinstance(data, DatasetFacts)
    assert isinstance(file, ArtifactFacts)
    assert (data.row_count, file.type, file.size_bytes) == (150, "model", 7)
    assert store.graph(Node("dataset:raw@1"), tenant_id=TENANT).descendants["model:best@1"] == 4  # pyright: ignore[reportArgumentType]


def test_up_down_and_depth_bound_what_is_read(store: LineageStore, world: LineageWorld) -> None:
    store.add(
        [edge("model:a@1", "model:b@1"), edge("model:b@1", "model:c@1"), edge("model:c@1", "model:d@1"),
         edge("model:a@1", "model:c@1")],
        tenant_id=TENANT,
    )  # fmt: skip
    root = Node("model:c@1")

    assert set(store.graph(root, tenant_id=TENANT, down=False).nodes) == {
        root,
        "model:b@1",
        "model:a@1",
    }
    assert set(store.graph(root, tenant_id=TENANT, up=False).nodes) == {root, "model:d@1"}
    near = store.graph(Node("model:d@1"), tenant_id=TENANT, depth=2)
    assert near.ancestors == {"model:c@1": 1, "model:b@1": 2, "model:a@1": 2}
    assert not near.is_cut
    assert store.graph(root, tenant_id=TENANT, depth=0).nodes == (root,)


def test_of_more_than_is_asked_for_the_nearest_are_read(
    store: LineageStore, world: LineageWorld
) -> None:
    store.add([edge(f"model:a{i}@1", "model:m@1") for i in range(50)], tenant_id=TENANT)
    store.add([edge(f"model:b{i}@1", "model:a0@1") for i in range(50)], tenant_id=TENANT)

    graph = store.graph(Node("model:m@1"), tenant_id=TENANT, most_nodes=40)
    whole = store.graph(Node("model:m@1"), tenant_id=TENANT)

    assert graph.is_cut
    assert len(graph.nodes) == 41
    assert not store.graph(Node("model:m@1"), tenant_id=TENANT, most_nodes=100).is_cut
    assert set(graph.ancestors.values()) == {1}
    assert (len(whole.nodes), whole.is_cut) == (101, False)


def test_another_tenants_lineage_is_not_seen(world: LineageWorld, store: LineageStore) -> None:
    them = TenantId("them")
    run = world.run()
    world.artifact(run)
    store.add([edge(f"artifact:{run}/model.pt", "model:m@1")], tenant_id=TENANT)

    for name in (f"run:{run}", f"artifact:{run}/model.pt", "model:m@1"):
        assert store.graph(Node(name), tenant_id=TENANT).nodes
        with pytest.raises(NodeNotFound):
            store.graph(Node(name), tenant_id=them)
    assert store.facts([Node(f"run:{run}")], tenant_id=them) == {}


def test_what_has_no_edges_is_there_all_the_same(world: LineageWorld, store: LineageStore) -> None:
    run = world.run()
    world.dataset("alone", 3)

    for name in (f"run:{run}", "dataset:alone@3"):
        assert store.graph(Node(name), tenant_id=TENANT).nodes == (name,)
    for name in ("run:nobody", "dataset:alone@4", f"artifact:{run}/x", "model:m@1"):
        with pytest.raises(NodeNotFound):
            store.graph(Node(name), tenant_id=TENANT)


def test_edges_are_written_once_and_stay(store: LineageStore, world: LineageWorld) -> None:
    for _ in range(2):
        store.add([edge("model:a@1", "model:b@1")], tenant_id=TENANT)
    store.add([], tenant_id=TENANT)

    assert world.rows("SELECT upstream, downstream FROM lineage_edges") == [
        ("model:a@1", "model:b@1")
    ]


nodes = st.integers(0, 7).map(lambda n: Node(f"model:m{n}@1"))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.builds(Edge, nodes, nodes), max_size=20), st.integers(0, 5) | st.none())
def test_the_database_reads_what_the_graph_says(
    world: LineageWorld, store: LineageStore, edges: list[Edge], depth: int | None
) -> None:
    """Circles, lattices and loops included."""
    world.rows("TRUNCATE lineage_edges")
    store.add([*edges, edge("model:m0@1", "model:end@1")], tenant_id=TENANT)
    whole = Graph(Node("model:m0@1"), [*edges, edge("model:m0@1", "model:end@1")])
    expected = whole if depth is None else whole.within(depth)

    found = store.graph(Node("model:m0@1"), tenant_id=TENANT, depth=depth)

    assert found.ancestors == expected.ancestors
    assert found.descendants == expected.descendants
    assert not found.is_cut
