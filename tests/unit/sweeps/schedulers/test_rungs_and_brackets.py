"""Rung lists and bracket tables against published values."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.schedulers.brackets import bracket_cycle, bracket_size
from sweeps.schedulers.rungs import rung_below, rung_levels


@pytest.mark.parametrize(
    ("min_resource", "max_resource", "eta", "levels"),
    [
        (1, 9, 3, (1, 3, 9)),  # Determined asha_stopping_test.go, TestMakeRungs: 3 rungs
        (1, 10, 2, (1, 2, 5, 10)),  # same: 4 rungs
        (9, 9, 3, (9,)),  # same: 1 rung
        (100, 900, 3, (100, 300, 900)),  # same: 3 rungs of (3, 900, 3)
        (1, 81, 3, (1, 3, 9, 27, 81)),  # Hyperband, JMLR 18 (2018), table 1
        (1, 16, 4, (1, 4, 16)),
        (2, 81, 3, (3, 9, 27, 81)),
        (1, 1, 3, (1,)),
    ],
)
def test_rungs_are_those_that_are_published(
    min_resource: int, max_resource: int, eta: int, levels: tuple[int, ...]
) -> None:
    assert (
        rung_levels(min_resource=min_resource, max_resource=max_resource, reduction_factor=eta)
        == levels
    )


@pytest.mark.parametrize(("grace", "lowest"), [(0, 1), (1, 1), (2, 3), (3, 3), (10, 27), (81, 81)])
def test_nobody_is_compared_within_the_grace(grace: int, lowest: int) -> None:
    levels = rung_levels(min_resource=1, max_resource=81, reduction_factor=3, grace=grace)

    assert levels[0] == lowest


@given(st.integers(1, 50), st.integers(1, 2000), st.integers(2, 6), st.integers(0, 60))
def test_rungs_rise_to_the_maximum(low: int, high: int, eta: int, grace: int) -> None:
    levels = rung_levels(min_resource=low, max_resource=high, reduction_factor=eta, grace=grace)

    assert levels[-1] == high
    assert list(levels) == sorted(set(levels))
    assert all(level >= max(low, grace) for level in levels[:-1])
    assert all(above // level >= eta for level, above in itertools.pairwise(levels))


@pytest.mark.parametrize(
    ("level", "rung"), [(0, None), (1, 1), (2, 1), (3, 3), (8, 3), (9, 9), (99, 9)]
)
def test_a_report_belongs_to_the_rung_below(level: int, rung: int | None) -> None:
    assert rung_below((1, 3, 9), level) == rung


@pytest.mark.parametrize(
    ("s_max", "eta", "ceil", "floor"),
    [
        # R=81, eta=3: 81/34/15 also in published tables; floor as in hpbandster 0.7.4.
        (4, 3, [81, 34, 15, 8, 5], [81, 27, 9, 6, 5]),
        (3, 3, [27, 12, 6, 4], [27, 9, 6, 4]),
        (2, 3, [9, 5, 3], [9, 3, 3]),
        (2, 4, [16, 6, 3], [16, 4, 3]),
    ],
)
def test_brackets_have_the_sizes_of_the_paper_s_ceil_form(
    s_max: int, eta: int, ceil: list[int], floor: list[int]
) -> None:
    def sizes() -> list[int]:
        return [bracket_size(s, s_max=s_max, reduction_factor=eta) for s in range(s_max, -1, -1)]

    assert sizes() == ceil
    # The other published rounding, which we do not use: floor((s_max+1)/(s+1)) eta^s.
    assert [(s_max + 1) // (s + 1) * eta**s for s in range(s_max, -1, -1)] == floor
    assert sum(sizes()) >= sum(floor)


def test_brackets_take_turns_by_their_shares() -> None:
    cycle = bracket_cycle(3, 3)

    assert cycle[0] == 0
    assert [cycle.count(bracket) for bracket in range(3)] == [9, 5, 3]
    assert set(cycle[:5]) == {0, 1, 2}
    assert bracket_cycle(1, 3) == [0]
