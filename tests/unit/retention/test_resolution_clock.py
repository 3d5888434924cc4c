"""Tiers are dropped in steps that look at few runs, and at every run whose points go."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.resolution_clock import drop_steps
from retention.tiers import Tier
from retention.world import World
from tests.retention_world import NOW, Row, Rows, world_of

_HOUR = 3600
_END = NOW - dt.timedelta(days=30)


def world_with(spans: list[tuple[int, int]], *, kept_since: int = -1) -> World:
    """Runs that have points from one hour to another, counted back from where the tier ends."""
    world = world_of(Rows(runs=[Row(run_id=f"r{i:04}") for i in range(len(spans))]))
    end = int(_END.timestamp())
    firsts = np.array([end - first * _HOUR + 7 for first, _ in spans], dtype=np.int64)
    lasts = firsts + np.array([length * _HOUR for _, length in spans], dtype=np.int64)
    runs = dataclasses.replace(world.runs, first_points=firsts, last_points=lasts)
    return dataclasses.replace(world, runs=runs, kept_since={Tier.POINTS: kept_since})


@settings(deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(-5, 100), st.integers(0, 80)), max_size=60),
    most=st.integers(1, 7),
    in_files=st.sets(st.integers(0, 59)),
    kept_hours=st.integers(0, 120),
)
def test_each_run_is_looked_at_in_every_step_in_which_points_of_it_go(
    spans: list[tuple[int, int]], most: int, in_files: set[int], kept_hours: int
) -> None:
    since = int(_END.timestamp()) - kept_hours * _HOUR
    world = world_with(spans, kept_since=since)
    files = np.array([place in in_files for place in range(len(spans))], dtype=np.bool_)

    steps = list(drop_steps(world, Tier.POINTS, before=_END, in_files=files, most=most))

    assert steps[-1].before == _END
    edges = [int(step.before.timestamp()) for step in steps]
    assert edges == sorted(set(edges))
    assert all(edge % _HOUR == 0 for edge in edges)
    for low, high, step in zip([-1, *edges], edges, steps, strict=False):
        goes = {
            place
            for place, (first, last) in enumerate(
                zip(world.runs.first_points, world.runs.last_points, strict=True)
            )
            if place not in in_files and last >= max(low, since) and first < high
        }
        assert set(step.runs.tolist()) == goes


@pytest.mark.parametrize("most", [1, 10, 500])
def test_runs_one_after_another_are_looked_at_a_few_at_a_time(most: int) -> None:
    world = world_with([(hours, 0) for hours in range(1, 1_001)])
    none = np.zeros(len(world.runs), dtype=np.bool_)

    steps = list(drop_steps(world, Tier.POINTS, before=_END, in_files=none, most=most))

    assert max(len(step.runs) for step in steps) <= most + 1
    assert sum(len(step.runs) for step in steps) >= len(world.runs)


def test_a_tier_has_no_points_of_who_ended_before_it_begins() -> None:
    world = world_with([(100, 1), (10, 1)], kept_since=int(_END.timestamp()) - 20 * _HOUR)

    assert world.has_points(Tier.POINTS).tolist() == [False, True]
    assert world.has_points(Tier.MINUTES).tolist() == [True, True]
