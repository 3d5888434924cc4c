"""How large a search is: grids that explode, limits that fit badly."""

import math
from collections.abc import Mapping
from typing import Any

from sweeps.searchers.grid_search import grid_size
from sweeps.spaces import Categorical, Constant, SearchSpace
from sweeps.specs import StrategySpec, SweepSpec
from sweeps.sweep_files.reading import Reader
from sweeps.sweep_files.strategy_section import STRATEGY

MAX_GRID = 10_000  #: configurations a grid may have; beyond, another strategy finds more for less


def check_size(
    reader: Reader, strategy: Mapping[str, Any], space: SearchSpace | None
) -> int | None:
    """The number of configurations of a grid, None for other strategies.

    A grid that explodes is noted as a problem.
    """
    points = strategy["points_per_parameter"]
    if strategy["name"] != "grid" or points is None or space is None:
        return None
    size = grid_size(space, points_per_parameter=points)
    if size > MAX_GRID:
        counts = {
            name: grid_size(SearchSpace(parameters={name: parameter}), points_per_parameter=points)
            for name, parameter in space.parameters.items()
        }
        widest = max(counts, key=lambda name: counts[name])
        reader.problem(
            ("space", widest),
            f"the grid has {_counted(size)} configurations, more than {MAX_GRID}; "
            f"{widest!r} has {counts[widest]} values",
            f"give {widest!r} fewer values, lower points_per_parameter, or write strategy: random",
        )
    return size


def warnings(spec: SweepSpec) -> tuple[str, ...]:
    """What is allowed and probably not meant, a sentence each."""
    limits, strategy, space = spec.limits, spec.strategy, spec.space
    notes: list[str] = []
    if strategy.name == "grid":
        size = grid_size(space, points_per_parameter=strategy.points_per_parameter)
        if size > limits.max_trials:
            cut = f"max_trials {limits.max_trials} cuts it"
            notes.append(f"the grid has {_counted(size)} configurations; {cut}")
    elif (count := space.size()) is not None and count < limits.max_trials:
        only = f"the space has only {count} configuration{'' if count == 1 else 's'}"
        notes.append(f"{only}; max_trials is {limits.max_trials}")
    if all(isinstance(parameter, Constant) for parameter in space.parameters.values()):
        notes.append("nothing varies: every parameter is a constant")
    if limits.max_parallel > limits.max_trials:
        least = f"max_trials is {limits.max_trials}"
        notes.append(f"max_parallel {limits.max_parallel} is never reached: {least}")
    return (*notes, *_ignored_options(strategy), *_look_alikes(space))


def _ignored_options(strategy: StrategySpec) -> list[str]:
    """Options of one strategy beside the name of another."""
    options = {
        "initial_points": ("bayes", strategy.initial_points),
        "points_per_parameter": ("grid", strategy.points_per_parameter),
    }
    return [
        f"{key} {value} means nothing to strategy {strategy.name}; it is for {name}"
        for key, (name, value) in options.items()
        if strategy.name != name and value != STRATEGY.fields[key].default
    ]


def _look_alikes(space: SearchSpace) -> list[str]:
    """Choices that differ in their type only, which a command line does not show."""
    notes: list[str] = []
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Categorical):
            texts = [str(choice).lower() for choice in parameter.choices]
            alike = sorted({text for text in texts if texts.count(text) > 1})
            if alike:
                notes.append(f"choices of {name!r} look alike in a command: {', '.join(alike)}")
    return notes


def _counted(number: int) -> str:
    """`number`, or its size when it has too many digits to mean anything."""
    return str(number) if number < 10**15 else f"about 10^{round(math.log10(number))}"
