"""What a report is made of, however it is shown."""

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from governance.periods import Span

Value = str | int | float | Decimal | dt.date | None


class Unit(enum.StrEnum):
    """What a value counts."""

    TEXT = "text"
    COUNT = "count"
    USD = "usd"
    HOURS = "hours"
    SECONDS = "seconds"
    SHARE = "share"  #: from 0 to 1
    TIMES = "times"
    BYTES = "bytes"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its name, and what it was in the period before."""

    name: str
    value: Value
    unit: Unit
    before: Value = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers side by side."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class Column:
    """What is in a column of a table."""

    name: str
    unit: Unit = Unit.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of values."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]


class ChartKind(enum.StrEnum):
    """How a chart looks."""

    BARS = "bars"  #: one below the other, each with its name
    DAYS = "days"  #: a column for each point in time


@dataclass(frozen=True, slots=True)
class Chart:
    """Values with their names, drawn; several of one name are put end to end."""

    title: str
    kind: ChartKind
    unit: Unit
    points: tuple[tuple[str, tuple[float, ...]], ...]
    series: tuple[str, ...] = ()  #: what the values of each point are, where there are several
    whole: float | None = None  #: where a line is drawn: what may not be exceeded


Block = Figures | Sentence | Table | Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report, about one question."""

    key: str  #: stable: for links and programs
    title: str
    blocks: tuple[Block, ...] = ()
    problem: str | None = None  #: why it could not be made; it has no blocks then


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose work a report is about; None: everybody's."""

    tenant: str | None = None
    experiment: str | None = None
    sweep_id: str | None = None

    def __str__(self) -> str:
        """For people."""
        named = (
            ("sweep", self.sweep_id),
            ("experiment", self.experiment),
            ("tenant", self.tenant),
        )
        return " of ".join(f"{what} {name}" for what, name in named if name) or "all tenants"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it."""

    period: Span
    scope: Scope
    made_at: dt.datetime
    is_portfolio: bool
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """For people."""
        what = "Portfolio" if self.is_portfolio else "Report"
        return f"{what} {self.period.name}: {self.scope}"

    @property
    def problems(self) -> tuple[str, ...]:
        """Of the sections that could not be made, in words."""
        return tuple(
            f"{section.title}: {section.problem}"
            for section in self.sections
            if section.problem is not None
        )

    def figure(self, section: str, name: str) -> Value:
        """A number by its names; None when it is not there."""
        return next(
            (
                figure.value
                for part in self.sections
                if part.key == section
                for block in part.blocks
                if isinstance(block, Figures)
                for figure in block.figures
                if figure.name == name
            ),
            None,
        )


def shown(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[Value, ...]],
    *,
    most: int,
    rest: tuple[Value, ...] | None = None,
) -> Table:
    """A table of the first rows, with one row for all the others together.

    Args:
        rest: What that row says, when there are more rows than `most`.
    """
    kept = tuple(rows[:most])
    if len(rows) > most and rest is not None:
        kept = (*kept, rest)
    return Table(title, tuple(columns), kept)
