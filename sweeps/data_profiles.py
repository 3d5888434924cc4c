"""What is known of a dataset's columns without reading it again: light, and the same for all formats."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

#: Shares between 0 and 1 at which the quantiles of a sample are kept: every half per cent.
QUANTILES = 201
#: Columns with at most so many different values have each of them counted.
MOST_VALUES = 200


class ColumnKind(StrEnum):
    """What is in a column."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIME = "time"  #: summed up as seconds since 1970
    OTHER = "other"  #: lists, objects, bytes: only counted

    @property
    def is_numeric(self) -> bool:
        """Whether it has least, greatest, mean and quantiles."""
        return self in {ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.TIME}


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts of a sample in buckets of one width."""

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column. Counts, least, greatest, mean and deviation are of all values; the rest of a sample."""

    name: str
    kind: ColumnKind
    dtype: str  #: as the file has it
    count: int  #: absent ones included
    null_count: int
    nonfinite_count: int = 0  #: infinities; NaN counts as absent
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    sample_size: int = 0
    distinct_count: int = 0  #: in the sample
    quantiles: tuple[float, ...] = ()  #: `QUANTILES` of them, rising
    histogram: Histogram | None = None
    values: Mapping[str, int] = field(default_factory=dict[str, int])
    #: How often each value is in the sample, where these are few; empty where they are many, so that
    #: names and addresses of persons do not get into the database.

    @property
    def null_share(self) -> float:
        """Of absent values."""
        return self.null_count / self.count if self.count else 0.0

    @property
    def nonfinite_share(self) -> float:
        """Of infinities."""
        return self.nonfinite_count / self.count if self.count else 0.0

    def as_document(self) -> dict[str, Any]:
        """As it is stored; `column_profile` reads it back."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A version's columns, in their order."""

    row_count: int | None = None  #: None: nothing tabular was found
    columns: tuple[ColumnProfile, ...] = ()
    sample_limit: int = 0  #: values of a column that are looked at for quantiles and counts
    seed: int = 0  #: of the sample
    notes: tuple[str, ...] = ()  #: what could not be read as a table, and why

    def column(self, name: str) -> ColumnProfile | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def schema(self) -> list[dict[str, str]]:
        """Columns with their kinds, as they are stored."""
        return [{"name": c.name, "kind": str(c.kind), "dtype": c.dtype} for c in self.columns]

    def as_document(self) -> dict[str, Any]:
        """Statistics as they are stored; `profile` reads them back."""
        return {
            "sample_limit": self.sample_limit,
            "seed": self.seed,
            "notes": list(self.notes),
            "columns": [column.as_document() for column in self.columns],
        }


def profile(document: Mapping[str, Any], *, row_count: int | None) -> Profile:
    """A profile from its stored form."""
    columns: Sequence[Mapping[str, Any]] = document["columns"]
    return Profile(
        row_count=row_count,
        columns=tuple(column_profile(column) for column in columns),
        sample_limit=document["sample_limit"],
        seed=document["seed"],
        notes=tuple(document["notes"]),
    )


def column_profile(document: Mapping[str, Any]) -> ColumnProfile:
    """A column's profile from its stored form."""
    found = dict(document)
    histogram: Mapping[str, Any] | None = found["histogram"]
    found["kind"] = ColumnKind(found["kind"])
    found["quantiles"] = tuple(float(value) for value in found["quantiles"])
    found["histogram"] = histogram and Histogram(
        low=float(histogram["low"]),
        high=float(histogram["high"]),
        counts=tuple(histogram["counts"]),
    )
    for key in ("min", "max", "mean", "std"):
        found[key] = None if found[key] is None else float(found[key])
    return ColumnProfile(**found)
