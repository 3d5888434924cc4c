"""Runs side by side: what differs between them, and how they rank. Pure."""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sweeps.objectives import Direction
from sweeps.runs import Run, SeriesSummary
from sweeps.spaces import Scalar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """What is laid beside other runs. Summaries of a live run are a few seconds old."""

    run: Run
    params: Mapping[str, Scalar]
    tags: Mapping[str, str]
    summary: Mapping[str, SeriesSummary]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One parameter of all runs, in their order; None where a run lacks it."""

    name: str
    values: tuple[Scalar | None, ...]
    differs: bool


def differences(records: Sequence[ComparedRun]) -> list[Difference]:
    """Every parameter that some run has, by name."""
    names = sorted({name for record in records for name in record.params})
    rows: list[Difference] = []
    for name in names:
        values = tuple(record.params.get(name) for record in records)
        # 1, 1.0 and True are equal to Python, and not to whoever reads a table.
        kinds = {(type(value).__name__, value) for value in values}
        rows.append(Difference(name=name, values=values, differs=len(kinds) > 1))
    return rows


def summaries(records: Sequence[ComparedRun]) -> Mapping[str, tuple[SeriesSummary | None, ...]]:
    """What became of every key that some run has, by key."""
    keys = sorted({key for record in records for key in record.summary})
    return {key: tuple(record.summary.get(key) for record in records) for key in keys}


def seconds(record: ComparedRun, *, now: dt.datetime) -> float | None:
    """From its start to its end, or to `now`; None before it starts."""
    if record.run.started_at is None:
        return None
    return ((record.run.ended_at or now) - record.run.started_at).total_seconds()


def ranking(
    records: Sequence[T],
    value: Callable[[T], float | None],
    direction: Direction = Direction.MAXIMIZE,
) -> list[T]:
    """Best first; those without a finite value last, in the order given."""
    sign = -1.0 if direction is Direction.MAXIMIZE else 1.0

    def place(record: T) -> tuple[bool, float]:
        found = value(record)
        if found is None or not math.isfinite(found):
            return True, 0.0
        return False, sign * found

    return sorted(records, key=place)
