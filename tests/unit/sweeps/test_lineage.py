"""Names of nodes, and what is shown of a graph."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.lineage import (
    Edge,
    Graph,
    InvalidNode,
    Kind,
    Node,
    columns,
    excerpt,
    kind_of,
    name_of,
    node,
    parse_node,
    sort_key,
)

ROOT = Node("model:m@1")


def edge(upstream: str, downstream: str) -> Edge:
    return Edge(Node(upstream), Node(downstream))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("digits-abcdefgh-00001", "run:digits-abcdefgh-00001"),
        ("run:digits-abcdefgh-00001", "run:digits-abcdefgh-00001"),
        ("r1/checkpoints/0001/m.pt", "artifact:r1/checkpoints/0001/m.pt"),
        ("artifact:r1/a b", "artifact:r1/a b"),
        ("digits@12", "dataset:digits@12"),
        ("team/digits@12", "dataset:team/digits@12"),
        ("model:Best.one@1", "model:Best.one@1"),
    ],
)
def test_a_name_means_what_its_form_says(text: str, expected: str) -> None:
    assert parse_node(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "A", "r1/", "r1/../x", "r1//x", "/x", "x@0", "x@", "@1", "x@1b", "image:x", "run:x@1",
     "model:m", "dataset:x", "artifact:x", "x\n@1", "a@1\x00", "run:" + "a" * 64, "dataset:" + "a" * 200 + "@1"],
)  # fmt: skip
def test_what_can_name_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidNode):
        parse_node(text)


@given(st.text(max_size=40))
def test_any_text_is_a_node_or_refused(text: str) -> None:
    try:
        found = parse_node(text)
    except InvalidNode:
        return
    assert parse_node(found) == found
    assert node(Kind(kind_of(found)), name_of(found)) == found


def test_names_are_in_the_order_that_people_expect() -> None:
    names = [
        "run:a-10",
        "run:a-9",
        "model:m@1",
        "odd",
        "artifact:r/x",
        "dataset:d@10",
        "dataset:d@9",
    ]

    assert sorted(map(Node, names), key=sort_key) == [
        "dataset:d@9", "dataset:d@10", "run:a-9", "run:a-10", "artifact:r/x", "model:m@1", "odd",
    ]  # fmt: skip


def test_the_nearest_come_first_and_each_once() -> None:
    graph = Graph(
        ROOT, [edge("a", ROOT), edge("b", ROOT), edge("c", "a"), edge("c", "b"), edge("c", ROOT)]
    )

    assert graph.ancestors == {"a": 1, "b": 1, "c": 1}
    assert graph.nodes == (ROOT, "a", "b", "c")
    assert graph.descendants == {}


def test_a_circle_ends() -> None:
    graph = Graph(ROOT, [edge("a", ROOT), edge("b", "a"), edge(ROOT, "b"), edge("b", "b")])

    assert graph.ancestors == {"a": 1, "b": 2}
    assert graph.descendants == {"b": 1, "a": 2}
    assert sum(map(len, columns(excerpt(graph, most=10, most_beside=10)))) == 3


def test_depth_bounds_both_sides() -> None:
    graph = Graph(ROOT, [edge("a", ROOT), edge("b", "a"), edge(ROOT, "c"), edge("c", "d")])

    near = graph.within(1)

    assert set(near.nodes) == {ROOT, "a", "c"}
    assert graph.within(0).nodes == (ROOT,)


def test_a_circle_brings_nothing_nearer_than_it_is() -> None:
    """What is one edge below the root is two above it by the circle, and no more within one."""
    above, below = Node("model:above@1"), Node("model:below@1")
    graph = Graph(ROOT, [Edge(above, ROOT), Edge(ROOT, below), Edge(below, above)])

    near = graph.within(1)

    assert (near.ancestors, near.descendants) == ({above: 1}, {below: 1})


def test_of_many_beside_each_other_some_are_shown_and_the_rest_counted() -> None:
    graph = Graph(ROOT, [edge(f"a{i}", ROOT) for i in range(10_000)] + [edge(ROOT, "below")])

    shown = excerpt(graph, most=60, most_beside=20)

    assert shown.nodes[0] == ROOT
    assert "below" in shown.nodes
    assert len(shown.above(ROOT)) == 20
    assert shown.above(ROOT)[:3] == ["a0", "a1", "a2"]
    assert shown.more_above == {ROOT: 9_980}
    assert shown.more_below == {}
    assert shown.n_left_out == 9_980


def test_of_a_long_chain_the_near_end_is_shown() -> None:
    graph = Graph(ROOT, [edge("a0", ROOT), *(edge(f"a{i + 1}", f"a{i}") for i in range(9_999))])

    shown = excerpt(graph, most=60, most_beside=20)

    assert len(shown.nodes) == 60
    assert shown.more_above == {"a58": 1}
    assert shown.n_left_out == 10_001 - 60


def test_edges_point_to_the_right() -> None:
    graph = Graph(
        ROOT, [edge("a", ROOT), edge("b", ROOT), edge("a", "b"), edge("c", "a"), edge(ROOT, "z")]
    )

    table = columns(excerpt(graph, most=10, most_beside=10))

    assert table == [["c"], ["a"], ["b"], [ROOT], ["z"]]


def test_lines_that_need_not_cross_do_not() -> None:
    pairs = [("a", "z"), ("b", "y"), ("c", "x")]
    graph = Graph(ROOT, [*(edge(a, z) for a, z in pairs), *(edge(z, ROOT) for _, z in pairs)])

    first, second, _ = columns(excerpt(graph, most=10, most_beside=10))

    assert [dict(pairs)[name] for name in first] == second


graphs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@given(graphs, st.integers(1, 12), st.integers(1, 5))
def test_an_excerpt_is_a_part_and_tells_what_it_lacks(
    pairs: list[tuple[int, int]], most: int, most_beside: int
) -> None:
    whole = Graph(Node("0"), {edge(str(a), str(b)) for a, b in pairs})
    # As it is read: only what is above or below the root.
    kept = set(whole.nodes)
    graph = Graph(Node("0"), [e for e in whole.edges if set(e) <= kept])

    shown = excerpt(graph, most=most, most_beside=most_beside)
    table = columns(shown)

    assert len(shown.nodes) <= most
    assert set(shown.nodes) <= kept
    assert len(shown.nodes) + shown.n_left_out == len(graph.nodes)
    assert sorted(n for column in table for n in column) == sorted(shown.nodes)
    if shown.n_left_out == 0:
        assert not shown.more_above
        assert not shown.more_below
    elif len(shown.nodes) < len(graph.nodes):
        assert shown.more_above or shown.more_below


def test_a_large_graph_is_taken_in_quickly() -> None:
    edges = [
        edge(f"artifact:r{i}/m", f"artifact:r{i // 10}/m" if i > 9 else ROOT) for i in range(10_000)
    ]

    began = time.perf_counter()
    excerpt(Graph(ROOT, edges), most=100, most_beside=20)

    assert time.perf_counter() - began < 2
