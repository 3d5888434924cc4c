"""Runs side by side."""

import datetime as dt
from typing import Any

import pytest

from sweeps.comparison import ComparedRun, differences, ranking, seconds, summaries
from sweeps.ids import RunId
from sweeps.objectives import Direction
from sweeps.runs import Run, SeriesSummary
from sweeps.states import RunState

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def a_run(name: str, *, objective: float | None = None, **params: Any) -> ComparedRun:
    run = Run(
        run_id=RunId(name),
        experiment="e",
        sweep_id=None,
        number=None,
        seed=1,
        created_by="me",
        created_at=NOW,
        state=RunState.RUNNING,
        reason="",
        started_at=NOW,
        ended_at=None,
        objective=objective,
        resource_level=None,
        sealed_at=None,
    )
    summary = SeriesSummary(last=1.0, step=1, min=0.0, max=2.0, at_best=None, count=3)
    return ComparedRun(run=run, params=params, tags={}, summary={name: summary})


def test_what_differs_is_told_from_what_does_not() -> None:
    runs = [a_run("a", lr=0.1, n=1, same="x"), a_run("b", lr=0.2, n=True, same="x", only=None)]

    rows = {row.name: (row.values, row.differs) for row in differences(runs)}

    assert rows == {
        "lr": ((0.1, 0.2), True),
        "n": ((1, True), True),
        "same": (("x", "x"), False),
        "only": ((None, None), False),
    }


@pytest.mark.parametrize(
    ("direction", "order"), [(Direction.MAXIMIZE, "cabd"), (Direction.MINIMIZE, "bacd")]
)
def test_the_best_comes_first_and_what_has_no_value_last(direction: Direction, order: str) -> None:
    values = {"a": 2.0, "b": 1.0, "c": float("nan"), "d": None}
    if direction is Direction.MAXIMIZE:
        values["c"] = 3.0
    runs = [a_run(name, objective=value) for name, value in values.items()]

    ranked = ranking(runs, lambda record: record.run.objective, direction)

    assert "".join(record.run.run_id for record in ranked) == order


def test_keys_and_times_of_all_are_there() -> None:
    runs = [a_run("a"), a_run("b")]

    found = summaries(runs)

    assert list(found) == ["a", "b"]
    assert found["a"][1] is None
    assert seconds(runs[0], now=NOW + dt.timedelta(seconds=5)) == 5.0
