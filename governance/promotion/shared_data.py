"""Which versions of datasets share data with a holdout, and how. Pure.

Versions are known by what they were made from and by the contents of their files. A file that a
version's parents do not have is the version's own: what it was made into.

- *Parts*: the other versions of the holdout's dataset; what has a file of one of these, or of what
  was made from them; what was made from any of that. Whoever has only files of its parents is known
  by these.
- *Origins*: what the holdout was made from, what other versions that have its files were made from,
  and what has files of those. What was cut from an origin, and says so, is another part of it,
  unless it has all of its files.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from sweeps.lineage import Node, name_of

_MOST_VERSIONS = 2_000  # whose files are compared with all others
_COPY = "has files of {}"


class Contents(NamedTuple):
    """Contents of files that the same versions have."""

    holders: frozenset[Node]
    files: int


class _Overlap(NamedTuple):
    """What two versions both have."""

    other: Node
    files: int
    own: int  #: of these, the files that are the first one's own
    is_own_of_other: bool  #: one of them is the second one's own


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedData:
    """What has to do with a holdout."""

    holdout: Node
    relations: Mapping[Node, str]  #: of versions other than the holdout, in words
    whole: Collection[Node]  #: versions of which any file gives it away, the holdout included
    made: Mapping[Node, Collection[Node]]  #: of these only what is in none of their parents
    is_cut: bool  #: so much has to do with it that not all of it was compared

    @property
    def telling(self) -> frozenset[Node]:
        """Versions from which it can be told whether a content gives the holdout away."""
        return frozenset({*self.whole, *self.made, *chain.from_iterable(self.made.values())})

    def relation_of_file(self, holders: Collection[Node]) -> str | None:
        """What an artifact is, in words; None: it may be used.

        Args:
            holders: All of `telling` that have a file with its bytes.
        """
        for version in sorted(holders, key=lambda node: (node != self.holdout, node)):
            own = version in self.made and not set(holders) & set(self.made[version])
            if version in self.whole or own:
                return f"is a file of {_told(version, self.holdout, self.relations)}"
        return None


@dataclass(slots=True)
class _Files:
    """Contents, asked for when they are needed, those of many versions at once."""

    read: Callable[[Sequence[Node]], Collection[Contents]]
    parents: Mapping[Node, Collection[Node]]
    known: dict[Node, list[Contents]] = field(default_factory=dict[Node, list[Contents]])
    is_cut: bool = False

    def learn(self, versions: Collection[Node]) -> None:
        asked = sorted(set(versions) - self.known.keys())
        if len(self.known) + len(asked) > _MOST_VERSIONS:
            asked = asked[: _MOST_VERSIONS - len(self.known)]
            self.is_cut = True
        if not asked:
            return
        self.known.update({version: [] for version in asked})
        for contents in self.read(asked):
            for version in contents.holders.intersection(asked):
                self.known[version].append(contents)

    def overlaps(self, version: Node) -> list[_Overlap]:
        """With every other version, of what has been learnt."""
        found: dict[Node, _Overlap] = {}
        for contents in self.known.get(version, ()):
            own = contents.files if self._is_own(version, contents) else 0
            for other in contents.holders - {version}:
                known = found.get(other, _Overlap(other, 0, 0, False))
                found[other] = _Overlap(
                    other,
                    known.files + contents.files,
                    known.own + own,
                    known.is_own_of_other or self._is_own(other, contents),
                )
        return [found[other] for other in sorted(found)]

    def count(self, version: Node) -> int:
        return sum(contents.files for contents in self.known.get(version, ()))

    def has_own(self, version: Node) -> bool:
        """Also if nothing is known of its files."""
        known = self.known.get(version, ())
        return not known or any(self._is_own(version, contents) for contents in known)

    def is_within(self, one: Node, other: Node) -> bool:
        """Whether the first one has some files, and the other one has all of these."""
        known = self.known.get(one, ())
        return bool(known) and all(other in contents.holders for contents in known)

    def _is_own(self, version: Node, contents: Contents) -> bool:
        return contents.holders.isdisjoint(self.parents.get(version, ()))


def shared_data(
    *,
    holdout: Node,
    others: Collection[Node],
    parents: Mapping[Node, Collection[Node]],
    contents: Callable[[Sequence[Node]], Collection[Contents]],
) -> SharedData:
    """What shares data with a holdout.

    Args:
        others: The other versions of its dataset.
        parents: What versions were made from.
        contents: Reads the contents of files of some versions, with all versions that have them.
    """
    files = _Files(contents, parents)
    above = _Origins(holdout, files, parents)
    above.collect()
    below = _Parts(holdout, others, files, parents, above)
    below.collect()
    relations = {**above.with_copies(), **below.relations}
    relations.pop(holdout, None)
    return SharedData(
        holdout=holdout,
        relations=relations,
        whole={holdout, *others, *above.at_stake},
        made={version: parents[version] for version in below.made},
        is_cut=files.is_cut,
    )


def _told(version: Node, holdout: Node, relations: Mapping[Node, str]) -> str:
    if version == holdout:
        return "the holdout"
    return f"{name_of(version)}, which {relations[version]}"


class _Origins:
    """What the holdout was made from."""

    def __init__(
        self, holdout: Node, files: _Files, parents: Mapping[Node, Collection[Node]]
    ) -> None:
        self._holdout, self._files, self._parents = holdout, files, parents
        self.members = {holdout: ""}  #: each with what it has to do with the holdout
        self.at_stake = {holdout}  #: any of whose files may be what the holdout was made from

    def collect(self) -> None:
        """Upwards, until nothing more is found."""
        holders: dict[Node, str] = {}  # of files at stake, which they may have from their parents
        size = -1
        while size != len(self.members) + len(self.at_stake) + len(holders):
            size = len(self.members) + len(self.at_stake) + len(holders)
            self._files.learn({*self.members, *self.at_stake})
            told = {**holders, **self.members}
            for version in list(told):
                for parent in sorted(self._parents.get(version, ())):
                    self._add(parent, version, told)
            for version in sorted(self.at_stake):
                for found in self._files.overlaps(version):
                    if found.is_own_of_other and found.other not in {*holders, *self.members}:
                        holders[found.other] = _COPY.format(
                            _told(version, self._holdout, self.members)
                        )

    def _add(self, parent: Node, child: Node, relations: Mapping[Node, str]) -> None:
        whose = "the holdout" if child == self._holdout else name_of(child)
        which = "" if child == self._holdout else f", which {relations[child]}"
        self.members.setdefault(parent, f"is what {whose} was made from{which}")
        # Of a holder that is no member, a file at stake is its own.
        if child not in self.members or self._files.has_own(child):
            self.at_stake.add(parent)

    def with_copies(self) -> dict[Node, str]:
        """Members, and what has files of them without being another part of them."""
        cut = _made_from({*self.members} - {self._holdout}, self._parents)
        found = dict(self.members)
        for version in sorted(self.at_stake - {self._holdout}):
            size = self._files.count(version)
            for one in self._files.overlaps(version):
                if one.other not in cut or one.files == size:
                    copy = _COPY.format(_told(version, self._holdout, self.members))
                    found.setdefault(one.other, copy)
        return found

    def only_holds(self, version: Node) -> bool:
        """Whether it is an origin that has more than the holdout, so that others were cut from it."""
        files = self._files
        is_origin = version in self.members or any(
            files.is_within(version, origin) and files.is_within(origin, version)
            for origin in self.members
        )
        return is_origin and not files.is_within(version, self._holdout)


class _Parts:
    """What has data of the holdout."""

    def __init__(
        self,
        holdout: Node,
        others: Collection[Node],
        files: _Files,
        parents: Mapping[Node, Collection[Node]],
        above: _Origins,
    ) -> None:
        self._files, self._parents, self._above = files, parents, above
        self._holdout = holdout
        self._children: dict[Node, list[Node]] = {}
        for child, its_parents in sorted(parents.items()):
            for parent in its_parents:
                self._children.setdefault(parent, []).append(child)
        another = f"is another version of the holdout {name_of(holdout)}"
        self._seeds = {holdout: "", **dict.fromkeys(sorted(set(others) - {holdout}), another)}
        self.relations = dict(self._seeds)
        self.made: set[Node] = set()  #: from others of these, into files of their own

    def collect(self) -> None:
        """Downwards and sideways, until nothing more is found."""
        size = -1
        while size != len(self.relations) + len(self.made):
            size = len(self.relations) + len(self.made)
            self._files.learn({*self._seeds, *self.made})
            for version in [*self._seeds, *sorted(self.made)]:
                for found in self._files.overlaps(version):
                    if version in self._seeds or found.own:
                        copy = _COPY.format(_told(version, self._holdout, self.relations))
                        self.relations.setdefault(found.other, copy)
            above = self.relations.keys() & self._children.keys()
            self._files.learn({*above, *(child for one in above for child in self._children[one])})
            passing = [one for one in self.relations if one in above and self._passes(one)]
            for version in passing:
                for child in self._children[version]:
                    if child not in self._seeds and self._files.has_own(child):
                        whose = _told(version, self._holdout, self.relations)
                        self.relations.setdefault(child, f"was made from {whose}")
                        self.made.add(child)

    def _passes(self, version: Node) -> bool:
        """Whether what was made from it has data of the holdout: not of what others were cut from."""
        if version in self._seeds or version in self.made:
            return True
        return not self._above.only_holds(version)


def _made_from(versions: Collection[Node], parents: Mapping[Node, Collection[Node]]) -> set[Node]:
    """All that was made from them, through however many others."""
    found: set[Node] = set()
    size = -1
    while size != len(found):
        size = len(found)
        found |= {
            child
            for child, its_parents in parents.items()
            if any(parent in found or parent in versions for parent in its_parents)
        }
    return found
