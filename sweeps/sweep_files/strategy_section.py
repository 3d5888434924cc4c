"""The strategy of a sweep file: a name, or a mapping with a searcher, a scheduler and their options.

Options of either side may be written beside the name; the stored form has two whole mappings.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sweeps.schedulers.rungs import rung_levels
from sweeps.specs import SchedulerSpec, SearcherSpec, StrategySpec
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.kinds import OneOf
from sweeps.sweep_files.reading import Reader, as_mapping
from sweeps.sweep_files.sections import Field, Section
from sweeps.sweep_files.strategy_options import (
    SCHEDULER_OPTIONS,
    SCHEDULERS,
    SEARCHER_OPTIONS,
    SEARCHERS,
    WITH_RUNGS,
)


def _part(doc: str, names: tuple[str, ...], options: Mapping[str, Field]) -> Section:
    word = Field(
        kind=OneOf(names), doc="Which one; the strategy's own when left out.", default=None
    )
    return Section(doc=doc, fields={"name": word, **options})


class Part:
    """A searcher or a scheduler: a mapping, or only its name."""

    def __init__(self, section: Section) -> None:
        self._section = section

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any] | None:
        """Name and options."""
        return self._section.read(reader, path, _long(value))

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"anyOf": [self._section.fields["name"].kind.schema(), self._section.schema()]}


_DEFAULTS = {"searcher": SearcherSpec().name, "scheduler": SchedulerSpec().name}

STRATEGY = Section(
    doc="How to search.",
    fields={
        "name": Field(
            kind=OneOf((*SEARCHERS, *SCHEDULERS, "bohb")),
            doc="A searcher (bayes models the objective, random draws, grid tries every "
            "combination, sobol and lhs spread evenly), a scheduler that ends trials early, or "
            "bohb: hyperband with bayes.",
        ),
        "searcher": Field(
            kind=Part(_part("What proposes configurations.", SEARCHERS, SEARCHER_OPTIONS)),
            doc="What proposes configurations, beside a scheduler; random when left out.",
            default=None,
        ),
        "scheduler": Field(
            kind=Part(_part("Who goes on.", ("none", *SCHEDULERS), SCHEDULER_OPTIONS)),
            doc="Who goes on, beside a searcher; every trial when left out.",
            default=None,
        ),
        **{
            key: replace(field, default=None)
            for key, field in {**SEARCHER_OPTIONS, **SCHEDULER_OPTIONS}.items()
        },
    },
)


class Strategy:
    """A strategy, or only its name."""

    def read(self, reader: Reader, path: Path, value: object) -> StrategySpec | None:
        """The strategy with both halves complete, or None after noting what is wrong."""
        given = _long(value)
        read = STRATEGY.read(reader, path, given)
        if read is None or read["name"] is None:
            return None
        sides = _Sides(reader, path, as_mapping(given) or {}, read)
        searcher = sides.merged("searcher", SEARCHER_OPTIONS)
        scheduler = sides.merged("scheduler", SCHEDULER_OPTIONS)
        if reader.is_noted_within(path):
            return None
        spec = StrategySpec(
            name=read["name"],
            searcher=SearcherSpec(**searcher),
            scheduler=SchedulerSpec(**scheduler),
        )
        sides.check_resources(spec.scheduler)
        return None if reader.is_noted_within(path) else spec

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"anyOf": [STRATEGY.fields["name"].kind.schema(), STRATEGY.schema()]}


class _Sides:
    """The two halves of one strategy while they are put together."""

    def __init__(
        self, reader: Reader, path: Path, given: Mapping[str, object], read: Mapping[str, Any]
    ) -> None:
        self._reader = reader
        self._path = path
        self._given = given
        self._read = read

    def merged(self, side: str, options: Mapping[str, Field]) -> dict[str, Any]:
        """Name and options of one half, from its own mapping and from beside the name."""
        own: dict[str, Any] = self._read[side] or {}
        written = as_mapping(_long(self._given.get(side))) or {}
        merged: dict[str, Any] = {"name": self._name(side, own.get("name"), written)}
        for key, field in options.items():
            beside = self._read[key]
            if beside is not None and written.get(key) is not None:
                what = f"{key!r} is given twice, here and under {side}"
                self._reader.problem((*self._path, key), what, "keep one")
            within = own.get(key)
            chosen = within if beside is None else beside
            merged[key] = field.default if chosen is None else chosen
        return merged

    def _name(self, side: str, own: str | None, written: Mapping[str, object]) -> str | None:
        """The half's name: its own if the strategy's allows it, else the one that follows."""
        strategy = self._read["name"]
        allowed = _implied(strategy)[side]
        if own is not None and allowed and own not in allowed:
            self._reader.problem(
                (*self._path, side),
                f"strategy {strategy} has {side} {' or '.join(allowed)}, not {own}",
                f"remove it, or write {_instead(side, strategy, own)}",
            )
        elif own is None and not allowed and written and "name" not in written:
            example = "bayes" if side == "searcher" else "asha"
            message = f"the {side} has no name"
            self._reader.problem((*self._path, side), message, f"add for example name: {example}")
        if own is not None:
            return own
        return allowed[0] if allowed else _DEFAULTS[side]

    def check_resources(self, scheduler: SchedulerSpec) -> None:
        """Note rungs that cannot be."""
        lowest, top = scheduler.min_resource, scheduler.max_resource
        if top is None:
            if scheduler.name in WITH_RUNGS:
                what = (
                    f"'max_resource' is missing: {scheduler.name} needs the level of a whole trial"
                )
                strategy = self._read["name"]
                hint = f"write for example strategy: {{name: {strategy}, max_resource: 27}}"
                self._reader.problem(self._at("max_resource"), what, hint)
            return
        if lowest > top:
            what = f"min_resource {lowest} is above max_resource {top}"
            self._reader.problem(self._at("min_resource"), what, "swap them")
            return
        if scheduler.grace >= top:
            what = f"grace {scheduler.grace} leaves nothing to judge before max_resource {top}"
            self._reader.problem(self._at("grace"), what, f"write less than {top}")
            return
        rungs = rung_levels(
            min_resource=lowest,
            max_resource=top,
            reduction_factor=scheduler.reduction_factor,
            grace=scheduler.grace,
        )
        if scheduler.brackets > len(rungs):
            levels = ", ".join(map(str, rungs))
            what = f"{scheduler.brackets} brackets are more than the {len(rungs)} rungs {levels}"
            hint = f"write brackets: {len(rungs)} or less, or a smaller reduction_factor"
            self._reader.problem(self._at("brackets"), what, hint)

    def _at(self, key: str) -> Path:
        """Where an option of the scheduler is written."""
        own = as_mapping(self._given.get("scheduler")) or {}
        return (*self._path, "scheduler", key) if key in own else (*self._path, key)


def _implied(strategy: str) -> dict[str, tuple[str, ...]]:
    """What the name of a strategy leaves open: names by half, empty when any will do."""
    if strategy == "bohb":
        return {"searcher": ("bayes",), "scheduler": WITH_RUNGS[::-1]}
    if strategy in SEARCHERS:
        return {"searcher": (strategy,), "scheduler": ()}
    return {"searcher": (), "scheduler": (strategy,)}


def _instead(side: str, strategy: str, own: str) -> str:
    if own == "none":
        return "a searcher's name for the strategy"
    if strategy == "bohb" and side == "searcher":
        return f"name: hyperband with searcher: {own}"
    return f"name: {own}"


def _long(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value
