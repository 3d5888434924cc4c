"""Where recorded curves come from: finished sweeps, or a table of somebody else's."""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence

from sweeps.simulation.recorded import InvalidCurves, Point, RecordedTrial
from sweeps.spaces import Configuration, Constant, Float, Int, Scalar, SearchSpace
from sweeps.spaces.parameters import Parameter
from sweeps.trials import Attempt, SweepSnapshot

_PREFIX = "param."  # that `sweepworks export` puts before the names of parameters
_FIGURES = ("trial", "level", "value", "seconds")


def trials_of_sweep(snapshot: SweepSnapshot) -> list[RecordedTrial]:
    """Every trial of a sweep that reported something.

    Seconds are those in which attempts of the trial were executing, so that waiting at a rung
    costs nothing.
    """
    attempts: dict[str, list[Attempt]] = {}
    for attempt in snapshot.attempts:
        attempts.setdefault(attempt.run_id, []).append(attempt)
    points: dict[str, list[Point]] = {}
    for report in snapshot.reports:
        point = Point(
            level=report.resource_level,
            value=report.value,
            seconds=_busy_seconds(attempts.get(report.run_id, ()), until=report.reported_at),
        )
        points.setdefault(report.run_id, []).append(point)
    return [
        RecordedTrial(trial.configuration, points[trial.run_id])
        for trial in snapshot.trials
        if trial.run_id in points
    ]


def _busy_seconds(attempts: Iterable[Attempt], *, until: dt.datetime) -> float:
    return sum(
        max((min(attempt.ended_at or until, until) - attempt.started_at).total_seconds(), 0.0)
        for attempt in attempts
        if attempt.started_at is not None
    )


def trials_of_csv(text: str, space: SearchSpace, *, source: str) -> list[RecordedTrial]:
    """Trials of a table with a line for each report: ``trial,<parameters>,level,value,seconds``.

    An empty cell is a parameter that the configuration does not have. Columns of other names are
    ignored; constants may be left out.

    Raises:
        InvalidCurves: It is no such table.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = {name: name for name in reader.fieldnames or ()}
    columns |= {name.removeprefix(_PREFIX): name for name in columns if name.startswith(_PREFIX)}
    needed = [name for name, p in space.parameters.items() if not isinstance(p, Constant)]
    missing = [name for name in (*_FIGURES, *needed) if name not in columns]
    if missing:
        raise InvalidCurves(
            f"{source}: no column {', '.join(missing)}; the first line names "
            f"trial, every parameter, level, value and seconds"
        )
    configurations: dict[str, Configuration] = {}
    points: dict[str, list[Point]] = {}
    for row in reader:
        place = f"{source}:{reader.line_num}"
        cells = {name: (row[column] or "").strip() for name, column in columns.items()}
        points.setdefault(cells["trial"], []).append(_point(cells, place))
        configurations.setdefault(cells["trial"], _configuration(cells, space, place))
    return [RecordedTrial(configurations[name], points[name]) for name in points]


def _point(cells: Mapping[str, str], place: str) -> Point:
    seconds = _number(cells, "seconds", place)
    level = _number(cells, "level", place)
    if not (level.is_integer() and 0 <= level <= 10**12 and 0.0 <= seconds < float("inf")):
        raise InvalidCurves(f"{place}: level must be a whole number, level and seconds 0 or more")
    return Point(level=int(level), value=_number(cells, "value", place), seconds=seconds)


def _configuration(cells: Mapping[str, str], space: SearchSpace, place: str) -> Configuration:
    given = {name: text for name in space.parameters if (text := cells.get(name, ""))}
    configuration = {
        name: _value(name, text, space.parameters[name], place) for name, text in given.items()
    }
    constants = {n: p.value for n, p in space.parameters.items() if isinstance(p, Constant)}
    return {**constants, **configuration}


def _value(name: str, text: str, parameter: Parameter, place: str) -> Scalar:
    if isinstance(parameter, (Float, Int)):
        number = _number({name: text}, name, place)
        return int(number) if isinstance(parameter, Int) and number.is_integer() else number
    spelled = {_spelling(value): value for value in reversed(parameter.values() or ())}
    return spelled.get(text, spelled.get(text.lower(), text))


def _spelling(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(cells: Mapping[str, str], name: str, place: str) -> float:
    try:
        return float(cells[name])
    except ValueError:
        raise InvalidCurves(f"{place}: {name} is {cells[name]!r}, which is no number") from None


def trials_of_sweeps(snapshots: Sequence[SweepSnapshot]) -> list[RecordedTrial]:
    """Every trial of several sweeps that reported something."""
    return [trial for snapshot in snapshots for trial in trials_of_sweep(snapshot)]
