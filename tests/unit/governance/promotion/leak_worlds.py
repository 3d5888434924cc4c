"""Datasets that were made from one another and share files, and what is said of them without haste.

`everything_related` shares no code with what is held to it: sets of contents, all of them looked at
again until nothing changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from governance.promotion.shared_data import Contents
from sweeps.lineage import Node

NAMES = ("h", "a", "b", "c")
CONTENTS = "uvwxyz"


@dataclass(frozen=True)
class Version:
    """One version: what it was made from, and contents of its files, a letter each."""

    name: str
    number: int
    parents: frozenset[Node] = frozenset()
    files: frozenset[str] = frozenset()

    @property
    def node(self) -> Node:
        return Node(f"dataset:{self.name}@{self.number}")


@dataclass(frozen=True)
class LeakWorld:
    """All versions, the first ones first."""

    versions: Sequence[Version]

    @property
    def parents(self) -> Mapping[Node, frozenset[Node]]:
        return {one.node: one.parents for one in self.versions}

    @property
    def files(self) -> Mapping[Node, frozenset[str]]:
        return {one.node: one.files for one in self.versions}

    def others(self, holdout: Node) -> set[Node]:
        stem = holdout.partition("@")[0]
        return {n for n in self.files if n.partition("@")[0] == stem and n != holdout}

    def own(self, node: Node) -> frozenset[str]:
        return self.files[node].difference(*(self.files[one] for one in self.parents[node]))

    def contents(self, asked: Sequence[Node]) -> list[Contents]:
        wanted = sorted(set[str]().union(*(self.files[one] for one in asked)))
        holders = [frozenset(n for n, has in self.files.items() if one in has) for one in wanted]
        return [Contents(some, holders.count(some)) for some in dict.fromkeys(holders)]


def a_world(*versions: tuple[str, str, str]) -> LeakWorld:
    """Versions as name@number, what each was made from, and its contents."""
    made: list[Version] = []
    for reference, parents, files in versions:
        name, _, number = reference.partition("@")
        above = frozenset(Node(f"dataset:{parent}") for parent in parents.split())
        made.append(Version(name, int(number or 1), above, frozenset(files)))
    return LeakWorld(made)


@st.composite
def worlds(draw: st.DrawFn) -> LeakWorld:
    """Up to nine versions of four datasets; nobody knows the files of some."""
    made: list[Version] = []
    for _ in range(draw(st.integers(1, 9))):
        name = draw(st.sampled_from(NAMES))
        number = 1 + sum(one.name == name for one in made)
        nodes = [one.node for one in made]
        parents = draw(st.frozensets(st.sampled_from(nodes), max_size=2)) if nodes else frozenset()
        files = draw(st.frozensets(st.sampled_from(CONTENTS), max_size=4))
        made.append(Version(name, number, parents, files))
    return LeakWorld(made)


def everything_related(world: LeakWorld, holdout: Node) -> tuple[set[Node], set[str]]:
    """Versions, other than the holdout, and contents, that no run may have used; slowly."""
    origins, stake = _origins(world, holdout)
    true_origins = origins - {holdout}
    cut: set[Node] = set()
    for _ in world.files:
        cut |= {one for one in world.files if world.parents[one] & (true_origins | cut)}
    copies = {
        one
        for one in world.files
        for origin in stake - {holdout}
        if world.files[one] & world.files[origin]
        and (one not in cut or world.files[origin] <= world.files[one])
    }
    parts, contents = _parts(world, holdout, true_origins)
    contents |= set[str]().union(*(world.files[one] for one in stake))
    return (true_origins | copies | parts) - {holdout}, contents


def _origins(world: LeakWorld, holdout: Node) -> tuple[set[Node], set[Node]]:
    origins, stake = {holdout}, {holdout}
    for _ in range(3 * len(world.files)):
        contents = set[str]().union(*(world.files[one] for one in stake))
        for one in world.files:
            if one in origins or world.own(one) & contents:
                origins |= world.parents[one]
                if world.own(one) or not world.files[one]:
                    stake |= world.parents[one]
    return origins, stake


def _parts(world: LeakWorld, holdout: Node, origins: set[Node]) -> tuple[set[Node], set[str]]:
    def is_just_an_origin(one: Node) -> bool:
        has = world.files[one]
        is_origin = one in origins or any(has and has == world.files[o] for o in origins)
        return is_origin and not (has and has <= world.files[holdout])

    seeds = {holdout} | world.others(holdout)
    contents = set[str]().union(*(world.files[one] for one in seeds))
    made: set[Node] = set()
    parts = set(seeds)
    for _ in range(3 * len(world.files)):
        parts |= made | {one for one in world.files if world.files[one] & contents}
        for one in set(world.files) - seeds:
            gives = [
                p
                for p in world.parents[one] & parts
                if p in seeds or p in made or not is_just_an_origin(p)
            ]
            if gives and (world.own(one) or not world.files[one]):
                made.add(one)
                contents |= world.own(one)
    return parts, contents
