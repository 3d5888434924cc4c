"""Whether early values predict late ones."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from sweeps.journal import Measurement
from sweeps.rung_correlation import MIN_TRIALS, rung_correlations, spearman


def measured(**levels: list[float]) -> list[Measurement]:
    """Losses of trials 1, 2, … at each level, such as ``at3=[…]``."""
    return [
        Measurement(number=number, level=int(level.removeprefix("at")), loss=loss)
        for level, losses in levels.items()
        for number, loss in enumerate(losses, start=1)
    ]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=30))
def test_it_is_spearman_s_with_ties(pairs: list[tuple[int, int]]) -> None:
    first, second = ([float(pair[side]) for pair in pairs] for side in (0, 1))
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert spearman(first, second) is None
    else:
        assert spearman(first, second) == pytest.approx(spearmanr(first, second)[0])


def test_neighbouring_rungs_are_compared_over_the_trials_that_met_both() -> None:
    rungs = rung_correlations(measured(at1=[4, 3, 2, 1], at3=[3, 2, 1], at9=[1]))

    assert [(r.low, r.high, r.n_trials, r.rank_correlation) for r in rungs] == [
        (1, 3, 3, pytest.approx(1.0)),
        (3, 9, 1, None),
    ]


def test_a_rung_that_predicts_nothing_is_warned_about() -> None:
    (rung,) = rung_correlations(
        measured(at1=[1, 2, 3, 4, 5, 6, 7, 8], at3=[8, 7, 6, 5, 4, 3, 2, 1])
    )

    assert rung.n_trials == MIN_TRIALS
    assert rung.warning is not None
    assert "level 1 hardly predict those at level 3" in rung.warning
    assert "-1.00 over 8 trials" in rung.warning


@pytest.mark.parametrize(
    "levels",
    [
        {"at1": [1, 2, 3], "at3": [3, 2, 1]},
        {"at1": list(range(9)), "at3": list(range(9))},
        {"at1": [5.0] * 9, "at3": list(range(9))},
        {"at1": list(range(9)), "at3": [math.nan] * 9},
        {"at1": list(range(9))},
    ],
    ids=["too few", "in step", "all equal", "not a number", "one rung"],
)
def test_there_is_no_warning_without_a_reason(levels: dict[str, list[float]]) -> None:
    assert [r.warning for r in rung_correlations(measured(**levels)) if r.warning] == []
