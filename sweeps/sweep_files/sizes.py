"""How large a search is: grids that explode, limits that fit badly."""

import math
from dataclasses import asdict

from sweeps.searchers.grid_search import axis_lengths, grid_size
from sweeps.spaces import Categorical, Constant, Ordinal, SearchSpace
from sweeps.specs import SchedulerSpec, SearcherSpec, StrategySpec, SweepSpec
from sweeps.sweep_files.reading import Reader
from sweeps.sweep_files.strategy_options import MEANT_FOR

LARGE_GRID = 300  #: configurations from which on a grid is remarked upon
_AXES_NAMED = 2  # in that remark
MAX_GRID = 10_000  #: configurations a grid may have; beyond, another strategy finds more for less


def check_size(reader: Reader, strategy: StrategySpec, space: SearchSpace | None) -> int | None:
    """The number of configurations of a grid, None for other strategies.

    A grid that explodes is noted as a problem.
    """
    if strategy.searcher.name != "grid" or space is None:
        return None
    points = strategy.searcher.points_per_parameter
    size = grid_size(space, points_per_parameter=points)
    if size > MAX_GRID:
        counts = axis_lengths(space, points_per_parameter=points)
        widest = max(counts, key=lambda name: counts[name])
        reader.problem(
            ("space", widest),
            f"the grid has {_counted(size)} configurations, more than {MAX_GRID}; "
            f"{widest!r} has {counts[widest]} values",
            f"give {widest!r} fewer values, lower points_per_parameter, or write strategy: random",
        )
    if size == 0:
        reader.problem(
            ("constraints",),
            "no combination of the grid satisfies the constraints",
            "raise points_per_parameter, or write strategy: random",
        )
    return size


def warnings(spec: SweepSpec) -> tuple[str, ...]:
    """What is allowed and probably not meant, a sentence each."""
    limits, strategy, space = spec.limits, spec.strategy, spec.space
    notes: list[str] = []
    if strategy.searcher.name == "grid":
        notes += _grid_notes(spec)
    elif (count := space.size()) is not None and count < limits.max_trials:
        only = f"the space has only {count} configuration{'' if count == 1 else 's'}"
        notes.append(f"{only}; max_trials is {limits.max_trials}")
    if all(isinstance(parameter, Constant) for parameter in space.parameters.values()):
        notes.append("nothing varies: every parameter is a constant")
    if limits.max_parallel > limits.max_trials:
        least = f"max_trials is {limits.max_trials}"
        notes.append(f"max_parallel {limits.max_parallel} is never reached: {least}")
    return (*notes, *_ignored_options(strategy), *_look_alikes(space))


def _grid_notes(spec: SweepSpec) -> list[str]:
    """How many trials a grid makes, when they are many or not what was asked for."""
    points, most = spec.strategy.searcher.points_per_parameter, spec.limits.max_trials
    size = grid_size(spec.space, points_per_parameter=points)
    counts = axis_lengths(spec.space, points_per_parameter=points)
    largest = sorted(counts, key=lambda name: -counts[name])[:_AXES_NAMED]
    axes = " and ".join(f"{name!r} has {counts[name]} values" for name in largest)
    if size > most:
        return [f"the grid has {_counted(size)} configurations; max_trials {most} cuts it; {axes}"]
    return [f"the grid has {size} configurations: {axes}"] if size >= LARGE_GRID else []


def _ignored_options(strategy: StrategySpec) -> list[str]:
    """Options of one searcher or scheduler beside the name of another."""
    notes: list[str] = []
    for half, default in (
        (strategy.searcher, SearcherSpec()),
        (strategy.scheduler, SchedulerSpec()),
    ):
        for key, value in asdict(half).items():
            meant_for = MEANT_FOR.get(key, (half.name,))
            if half.name not in meant_for and value != getattr(default, key):
                to = f"means nothing to strategy {strategy.name}"
                notes.append(f"{key} {value} {to}; it is for {' and '.join(meant_for)}")
    return notes


def _look_alikes(space: SearchSpace) -> list[str]:
    """Choices that differ in their type only, which a command line does not show."""
    notes: list[str] = []
    for name, parameter in space.parameters.items():
        if isinstance(parameter, (Categorical, Ordinal)):
            texts = [str(choice).lower() for choice in parameter.choices]
            alike = sorted({text for text in texts if texts.count(text) > 1})
            if alike:
                notes.append(f"choices of {name!r} look alike in a command: {', '.join(alike)}")
    return notes


def _counted(number: int) -> str:
    """`number`, or its size when it has too many digits to mean anything."""
    return str(number) if number < 10**15 else f"about 10^{round(math.log10(number))}"
