"""Nodes are asked for seldom."""

from collections.abc import Mapping

from compute.kubernetes.node_api import NodeApi, NodesForbidden
from compute.kubernetes.nodes import Nodes
from sweeps.errors import LauncherUnavailable


class FakeNodes(NodeApi):
    """Nodes by name, and what was asked."""

    def __init__(self, *names: str) -> None:
        self.region = {name: f"region-of-{name}" for name in names}
        self.asked: list[str] = []
        self.refuses: Exception | None = None
        self.refuses_lists = False

    def labels_of(self, name: str) -> Mapping[str, str] | None:
        self.asked.append(name)
        if self.refuses is not None:
            raise self.refuses
        return self._labels(name) if name in self.region else None

    def all_labels(self) -> Mapping[str, Mapping[str, str]]:
        self.asked.append("all")
        if self.refuses_lists:
            raise NodesForbidden("no")
        return {name: self._labels(name) for name in self.region}

    def _labels(self, name: str) -> dict[str, str]:
        return {"topology.kubernetes.io/region": self.region[name]}


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def regions(nodes: Nodes, *names: str) -> list[str]:
    found = nodes.look(names)
    return [found[name].region if name in found else "?" for name in names]


def test_a_node_is_asked_for_once() -> None:
    api = FakeNodes("a")
    nodes = Nodes(api, clock=Clock())

    found = [regions(nodes, "a") for _ in range(3)]

    assert found == [["region-of-a"]] * 3
    assert api.asked == ["a"]


def test_several_that_are_new_are_one_list() -> None:
    api = FakeNodes("a", "b", "c")
    nodes = Nodes(api, clock=Clock())

    assert regions(nodes, "a", "b") == ["region-of-a", "region-of-b"]
    assert regions(nodes, "a", "b", "c") == ["region-of-a", "region-of-b", "region-of-c"]
    assert api.asked == ["all"]


def test_where_lists_are_refused_a_look_asks_for_one() -> None:
    api = FakeNodes("a", "b")
    api.refuses_lists = True
    nodes = Nodes(api, clock=Clock())

    looks = [regions(nodes, "a", "b") for _ in range(4)]

    assert looks[-1] == ["region-of-a", "region-of-b"]
    assert api.asked == ["all", "a", "b"]


def test_nobody_is_asked_again_soon_after_a_refusal_or_an_outage() -> None:
    for failure in (NodesForbidden("no"), LauncherUnavailable("away")):
        api, clock = FakeNodes("a"), Clock()
        api.refuses = failure
        nodes = Nodes(api, clock=clock)

        assert [regions(nodes, "a") for _ in range(3)] == [["?"]] * 3
        assert api.asked == ["a"]
        api.refuses = None
        clock.at += 61
        assert regions(nodes, "a") == ["region-of-a"]


def test_a_node_that_is_not_there_is_looked_for_again_and_forgets_nothing() -> None:
    api, clock = FakeNodes("a"), Clock()
    nodes = Nodes(api, clock=clock)
    regions(nodes, "a")
    api.region.clear()
    clock.at += 3601  # an hour on, its autoscaler has removed it

    assert regions(nodes, "a") == ["region-of-a"]
    assert regions(nodes, "a") == ["region-of-a"]
    assert api.asked == ["a", "a"]


def test_a_list_that_lacks_a_node_does_not_lead_to_another_list() -> None:
    api = FakeNodes("a")
    nodes = Nodes(api, clock=Clock())

    assert [regions(nodes, "b", "c") for _ in range(3)] == [["", ""]] * 3
    assert api.asked == ["all"]
