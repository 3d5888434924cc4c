"""How versions differ, from what is stored of them."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from governance.datasets.drift import Drift, DriftLevel, comparison, drift
from storage.datasets.column_summary import ColumnSummary
from storage.datasets.tables import ColumnPiece
from sweeps.data_profiles import ColumnKind, ColumnProfile, Profile

RNG = np.random.default_rng(5)


def numbers(values: NDArray[np.float64], *, kind: ColumnKind = ColumnKind.NUMBER) -> ColumnProfile:
    summary = ColumnSummary("x", seed=0, limit=100_000)
    summary.add(ColumnPiece("x", kind, "float64", np.asarray(values, dtype=float)))
    return summary.profile()


def words(**counts: int) -> ColumnProfile:
    values = [word for word, count in counts.items() for _ in range(count)]
    summary = ColumnSummary("x", seed=0, limit=100_000)
    summary.add(ColumnPiece("x", ColumnKind.TEXT, "str", np.array(values, dtype=object)))
    return summary.profile()


def between(before: ColumnProfile, after: ColumnProfile) -> Drift:
    return drift(Profile(columns=(before,)), Profile(columns=(after,)))


@pytest.mark.parametrize("n", [30, 300, 20_000])
@pytest.mark.parametrize("draw", ["normal", "integers", "words"])
def test_two_samples_of_one_population_do_not_drift(n: int, draw: str) -> None:
    """With few rows PSI alone would call it drift."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        if draw == "words":
            samples = [
                words(**{w: int(c) for w, c in zip("abcd", rng.multinomial(n, [0.4, 0.3, 0.2, 0.1]), strict=True)})
                for _ in range(2)
            ]  # fmt: skip
        elif draw == "normal":
            samples = [numbers(rng.normal(size=n)) for _ in range(2)]
        else:
            kind = ColumnKind.INTEGER
            samples = [numbers(rng.integers(0, 8, n).astype(float), kind=kind) for _ in range(2)]
        found = between(*samples)
        assert found.level is not DriftLevel.LARGE, (seed, found)


@pytest.mark.parametrize(
    ("shift", "level"), [(0.0, DriftLevel.NONE), (0.4, DriftLevel.SOME), (1.5, DriftLevel.LARGE)]
)
def test_a_population_that_moves_drifts_by_how_far(shift: float, level: DriftLevel) -> None:
    found = between(numbers(RNG.normal(size=20_000)), numbers(RNG.normal(shift, size=20_000)))

    assert found.level is level


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_of_distributions_is_right_to_half_a_per_cent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.gamma(2.0, size=9_000), rng.gamma(2.0 + seed / 3, size=7_000)

    (column,) = between(numbers(before), numbers(after)).columns

    assert column.ks == pytest.approx(ks_2samp(before, after)[0], abs=0.011)


def test_of_few_values_the_distance_is_exact() -> None:
    before = np.repeat([1.0, 2.0, 3.0], [500, 300, 200])
    after = np.repeat([1.0, 2.0, 4.0], [200, 300, 500])

    (column,) = between(numbers(before), numbers(after)).columns

    assert column.ks == pytest.approx(ks_2samp(before, after)[0])
    assert column.level is DriftLevel.LARGE


def test_categories_that_shift_and_new_ones_are_named() -> None:
    (column,) = between(words(cat=600, dog=400), words(cat=300, dog=300, cow=400)).columns

    assert column.level is DriftLevel.LARGE
    assert column.shift == pytest.approx(0.4)
    assert any("cow" in reason for reason in column.reasons)


def test_values_that_go_missing_are_drift() -> None:
    whole = RNG.normal(size=1_000)
    holed = np.where(np.arange(1_000) % 2, np.nan, whole)

    (column,) = between(numbers(whole), numbers(holed)).columns

    assert column.level is DriftLevel.LARGE
    assert (column.null_before, column.null_after) == (0.0, 0.5)


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_values_that_are_no_numbers_any_more_are_drift(odd: float, share: float) -> None:
    whole = np.full(1_000, 7.0)
    broken = np.where(np.arange(1_000) < share * 1_000, odd, whole)

    for pair in ((whole, broken), (broken, whole)):
        (column,) = between(*(numbers(values) for values in pair)).columns
        assert column.level is DriftLevel.LARGE
        assert f"{share:.1%}" in column.reasons[0]


def test_infinities_in_the_place_of_absent_values_are_drift() -> None:
    found = between(numbers(np.full(99, np.nan)), numbers(np.full(99, np.inf)))

    assert found.level is DriftLevel.LARGE


def test_a_column_whose_last_values_go_is_drift_however_few_they_were() -> None:
    few = np.where(np.arange(1_000) < 10, 1.0, np.nan)

    (column,) = between(numbers(few), numbers(np.full(1_000, np.nan))).columns

    assert (column.level, column.reasons) == (DriftLevel.LARGE, ("no value is left",))


def test_words_that_are_all_gone_are_named_as_that() -> None:
    gone = ColumnProfile(name="x", kind=ColumnKind.OTHER, dtype="object", count=9, null_count=9)

    (column,) = between(words(a=9), gone).columns

    assert column.level is DriftLevel.LARGE
    assert column.reasons == ("absent values 0.0% before, 100.0% after", "no value is left")
    assert between(gone, gone).level is DriftLevel.NONE


def test_columns_that_come_go_or_become_something_else_are_large() -> None:
    one, other = numbers(RNG.normal(size=99)), words(a=50, b=49)

    assert between(one, other).level is DriftLevel.LARGE
    assert drift(Profile(columns=(one,)), Profile()).level is DriftLevel.LARGE
    assert drift(Profile(), Profile(columns=(one,))).level is DriftLevel.LARGE
    assert drift(Profile(), Profile()).level is DriftLevel.NONE


@pytest.mark.parametrize("after", [np.full(400, 7.0), np.array([7.0]), np.array([np.nan])])
def test_a_column_of_one_value_is_compared_as_well(after: NDArray[np.float64]) -> None:
    before = np.full(400, 7.0)

    found = between(numbers(before), numbers(after))

    assert not np.isfinite(after).any() or found.columns[0].psi == pytest.approx(0.0)
    assert not found.columns[0].ks


def test_a_picture_has_all_of_both() -> None:
    both = comparison(numbers(RNG.normal(size=5_000)), numbers(RNG.normal(2, size=3_000)))

    assert both is not None
    assert sum(both.before) == pytest.approx(1.0, abs=0.01)
    assert sum(both.after) == pytest.approx(1.0, abs=0.01)
    assert len(both.labels) == len(both.before) == len(both.after)
