"""Lineage as a tree in a terminal, and as a graph for Graphviz."""

import pytest

from governance.lineage.facts import ArtifactFacts, DatasetFacts, Facts
from orchestration.cli.lineage_command import print_dot, print_trees
from sweeps.lineage import Edge, Graph, Node
from tests.unit.governance.lineage.test_rules import run_facts

ROOT = Node("model:m@1")
RUN, DATA, FILE = Node("run:r1"), Node("dataset:digits@2"), Node("artifact:r1/m.pt")


def printed(
    capsys: pytest.CaptureFixture[str], graph: Graph, facts: dict[Node, Facts]
) -> list[str]:
    print_trees(graph, facts)
    return capsys.readouterr().out.splitlines()


def test_a_tree_has_data_and_code_beside_each_run(capsys: pytest.CaptureFixture[str]) -> None:
    graph = Graph(
        ROOT, [Edge(FILE, ROOT), Edge(RUN, FILE), Edge(DATA, RUN), Edge(ROOT, Node("run:r2"))]
    )
    facts: dict[Node, Facts] = {
        RUN: run_facts(
            is_dirty=True, script="n.ipynb", is_notebook=True, has_seeds=False, image="i:1"
        ),
        DATA: DatasetFacts(
            node=DATA, variant="derived", content_hash="d" * 64, row_count=150, size_bytes=1
        ),
        FILE: ArtifactFacts(node=FILE, type="model", sha256="a" * 64, size_bytes=12_345_678),
        Node("run:r2"): run_facts(has_code=False, script=None, image=None),
    }

    assert printed(capsys, graph, facts) == [
        "model m@1",
        "came out of",
        "└─ artifact r1/m.pt  model, 12.3 MB, sha256 aaaaaaaaaaaa",
        (
            "   └─ run r1  completed, commit cccccccccccc with changes, notebook n.ipynb, image i:1,"
            " seed 7, not set"
        ),
        "      └─ dataset digits@2  derived, 150 rows, sha256 dddddddddddd",
        "went into",
        "└─ run r2  completed, no code recorded, seed 7",
    ]


def test_what_is_reached_twice_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    graph = Graph(
        ROOT,
        [Edge(Node("run:a"), ROOT), Edge(Node("run:b"), ROOT), Edge(DATA, Node("run:a")),
         Edge(DATA, Node("run:b")), Edge(Node("dataset:raw@1"), DATA)],
    )  # fmt: skip

    assert printed(capsys, graph, {}) == [
        "model m@1",
        "came out of",
        "├─ run a",
        "│  └─ dataset digits@2",
        "│     └─ dataset raw@1",
        "└─ run b",
        "   └─ dataset digits@2  (see above)",
    ]


def test_of_thousands_some_are_printed_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fan = Graph(ROOT, [Edge(Node(f"run:r{n}"), ROOT) for n in range(10_000)], is_cut=True)
    chain = Graph(
        Node("run:r0"), [Edge(Node(f"run:r{n + 1}"), Node(f"run:r{n}")) for n in range(10_000)]
    )

    wide, deep = printed(capsys, fan, {}), printed(capsys, chain, {})

    assert len(wide) == 24
    assert wide[-2:] == [
        "└─ … and 9,980 more",
        "at least 9,980 more are not shown; --json has them",
    ]
    assert len(deep) == 103
    assert deep[-1] == "9,901 more are not shown; --json has them"


def test_a_circle_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    graph = Graph(ROOT, [Edge(RUN, ROOT), Edge(ROOT, RUN)])

    assert printed(capsys, graph, {})[1:] == [
        "came out of", "└─ run r1", "   └─ model m@1  (see above)",
        "went into", "└─ run r1", "   └─ model m@1  (see above)",
    ]  # fmt: skip


def test_what_has_no_lineage_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing is recorded" in printed(capsys, Graph(ROOT, []), {})[1]


def test_graphviz_gets_what_scripts_say_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    run = run_facts(script='a"b\\c')
    print_dot(Graph(RUN, [Edge(RUN, FILE)]), {RUN: run})

    text = capsys.readouterr().out
    assert '"run:r1" -> "artifact:r1/m.pt";' in text
    assert 'a\\"b\\\\c' in text
    assert text.startswith("digraph lineage {\n")
    assert text.endswith("}\n")
