"""Less data of persons: which columns go, become pseudonyms, or lose their precision. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweeps.datasets import InvalidDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimisation:
    """What is done to every row."""

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()  #: become pseudonyms: the same value, the same word
    bucket: Mapping[str, float] = field(default_factory=dict[str, float])  #: width of each column's
    sample: float = 1.0  #: share of the rows that stays
    seed: int = 0

    def require(self, columns: Sequence[str]) -> None:
        """Raise InvalidDataset unless it can be done to a table with these columns."""
        for name in (*self.drop, *self.hash, *self.bucket):
            if name not in columns:
                there = ", ".join(columns[:20])
                raise InvalidDataset(f"there is no column {name!r}; there are {there}")
        named = [*self.drop, *self.hash, *self.bucket]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise InvalidDataset(f"{twice!r} cannot have two things done to it at once")
        if len(set(self.drop)) == len(set(columns)):
            raise InvalidDataset("nothing would be left")

    def is_nothing(self) -> bool:
        """Whether every row stays as it is."""
        return self == Minimisation(seed=self.seed)

    def steps(self) -> list[tuple[str, dict[str, Any]]]:
        """As preprocessing steps."""
        steps: list[tuple[str, dict[str, Any]]] = []
        if self.drop:
            steps.append(("drop", {"columns": list(self.drop)}))
        if self.hash:
            steps.append(("hash", {"columns": list(self.hash), "by": "HMAC-SHA256"}))
        if self.bucket:
            steps.append(("bucket", {"widths": dict(self.bucket)}))
        if self.sample < 1:
            steps.append(("sample", {"share": self.sample, "seed": self.seed}))
        return steps

    def lineage(self, version: str, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Which column of `version` each column is made from."""
        return {name: (f"{version}:{name}",) for name in columns if name not in self.drop}
