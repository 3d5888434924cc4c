"""How finely curves are read."""

import hypothesis.strategies as st
from hypothesis import given

from retention.resolution import HOUR, Axis, Budget, Extent, Kept, Resolution, Viewport, choose


def a_curve(count: int, *, every: int = 10, first_step: int = 0, first_time: int = 0) -> Extent:
    """As many points, one a step, `every` tenths of a second."""
    return Extent(
        count=count,
        first_step=first_step,
        last_step=first_step + count - 1,
        first_time=first_time,
        last_time=first_time + (count - 1) * every,
        start=first_time,
    )


STEPS = Viewport(axis=Axis.STEP, pixels=800)


def test_what_fits_on_the_pixels_is_shown_as_it_is() -> None:
    grid = choose([a_curve(1600)], STEPS)

    assert grid.resolutions == (Resolution.RAW,)


def test_more_than_that_is_cut_into_as_many_buckets_as_there_are_pixels() -> None:
    grid = choose([a_curve(10_000)], STEPS)

    assert grid.resolutions == (Resolution.BUCKETS,)
    assert grid.width == 13


def test_a_hundred_runs_of_ten_thousand_points_are_read_from_their_points() -> None:
    grid = choose([a_curve(10_000)] * 100, STEPS)

    assert set(grid.resolutions) == {Resolution.BUCKETS}


def test_fifty_runs_of_a_million_points_are_read_from_minutes() -> None:
    grid = choose([a_curve(1_000_000, every=1)] * 50, STEPS)

    assert set(grid.resolutions) == {Resolution.MINUTES}


def test_months_of_many_runs_are_read_from_hours() -> None:
    grid = choose([a_curve(10_000_000, every=10)] * 50, STEPS)

    assert set(grid.resolutions) == {Resolution.HOURS}


def test_the_small_ones_are_read_finely_beside_a_huge_one() -> None:
    grid = choose([a_curve(100_000_000), a_curve(5_000)], STEPS)

    assert grid.resolutions[0] is Resolution.HOURS
    assert grid.resolutions[1] in {Resolution.RAW, Resolution.BUCKETS}


def test_zooming_in_ends_with_the_points() -> None:
    curve = a_curve(1_000_000, every=1)

    grid = choose([curve], Viewport(axis=Axis.STEP, pixels=800, low=500_000, high=500_800))

    assert grid.resolutions == (Resolution.RAW,)
    assert grid.width == 2


def test_a_short_run_beside_a_long_one_gets_the_buckets_of_the_pixels_it_covers() -> None:
    grid = choose([a_curve(1_000), a_curve(100_000)], STEPS)

    assert grid.width == 125  # eight pixels for the first one, which is drawn all the same
    assert grid.resolutions == (Resolution.BUCKETS, Resolution.BUCKETS)


def test_what_was_dropped_is_read_from_what_was_kept() -> None:
    curve = a_curve(1_000)

    assert choose([curve], STEPS, kept=Kept(points_since=5)).resolutions == (Resolution.MINUTES,)
    kept = Kept(points_since=5, minutes_since=5)
    assert choose([curve], STEPS, kept=kept).resolutions == (Resolution.HOURS,)
    later = Viewport(axis=Axis.WALL, low=6)
    assert choose([curve], later, kept=kept).resolutions != (Resolution.HOURS,)


def test_relative_time_lays_runs_of_different_days_over_each_other() -> None:
    curves = [a_curve(8_000, every=1, first_time=day * 24 * HOUR) for day in range(3)]

    relative = choose(curves, Viewport(axis=Axis.RELATIVE))
    wall = choose(curves, Viewport(axis=Axis.WALL))

    assert relative.width == 10
    assert wall.width > 2_000


def test_what_is_out_of_sight_costs_nothing() -> None:
    grid = choose([a_curve(10**9)], Viewport(axis=Axis.STEP, low=-20, high=-10))

    assert grid.resolutions == (Resolution.RAW,)


_EXTENTS = st.builds(
    a_curve,
    st.integers(1, 10**9),
    every=st.integers(1, 6_000),
    first_step=st.integers(-(10**6), 10**6),
    first_time=st.integers(0, 2 * 10**10),
)


@given(
    curves=st.lists(_EXTENTS, min_size=1, max_size=50),
    axis=st.sampled_from(Axis),
    pixels=st.integers(1, 4000),
    ends=st.none() | st.tuples(st.integers(-(10**7), 10**10), st.integers(0, 10**10)),
)
def test_an_answer_is_never_much_wider_than_the_plot_nor_beyond_its_budget(
    curves: list[Extent], axis: Axis, pixels: int, ends: tuple[int, int] | None
) -> None:
    low, high = (None, None) if ends is None else (ends[0], ends[0] + ends[1])
    viewport = Viewport(axis=axis, pixels=pixels, low=low, high=high)
    budget = Budget()

    grid = choose(curves, viewport, budget=budget)

    assert len(grid.resolutions) == len(curves)
    assert grid.width >= 1
    if ends is not None:
        assert (ends[1] + 1) / grid.width <= pixels
    elif axis is Axis.STEP:
        span = max(c.last_step for c in curves) - min(c.first_step for c in curves) + 1
        assert span / grid.width <= pixels
        by_points = {Resolution.RAW, Resolution.BUCKETS}
        read = sum(c.count for c, r in zip(curves, grid.resolutions, strict=True) if r in by_points)
        assert read <= budget.points
