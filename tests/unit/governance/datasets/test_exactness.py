"""What can be said of all rows of data that is looked at in parts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.datasets.contracts import Expectation
from governance.datasets.exactness import Outcome, Scope, Tally, of_profile, of_row_count, scope_of
from sweeps.data_profiles import ColumnKind, ColumnProfile, Profile


def an_expectation(kind: str = "expect_column_values_to_be_in_set", **kwargs: Any) -> Expectation:
    return Expectation(type=kind, kwargs={"column": "x", **kwargs})


def a_profile(**changes: Any) -> Profile:
    defaults: dict[str, Any] = {
        "name": "x", "kind": ColumnKind.NUMBER, "dtype": "float64", "count": 10, "null_count": 0,
        "min": 1.0, "max": 9.0, "mean": 5.0, "std": 2.0,
    }  # fmt: skip
    return Profile(row_count=10, columns=(ColumnProfile(**{**defaults, **changes}),))


VALUES = st.lists(st.sampled_from([1, 2, None]), max_size=40)


@given(VALUES, st.integers(1, 7), st.floats(0, 1))
def test_a_share_is_of_all_parts_however_they_are_cut(
    values: list[int | None], at_once: int, mostly: float
) -> None:
    tally = Tally(an_expectation(mostly=mostly))
    for start in range(0, len(values), at_once):
        part = values[start : start + at_once]
        counts = {
            "element_count": len(part),
            "missing_count": part.count(None),
            "unexpected_count": part.count(2),
        }
        tally.add(Outcome(has_passed=False, details=counts))

    found = tally.outcome()

    there = [value for value in values if value is not None]
    if values:
        assert found.has_passed is (not there or there.count(1) / len(there) >= mostly)
        assert found.details["element_count"] == len(values)


def test_of_absent_values_the_share_is_of_all() -> None:
    counts = {"element_count": 10, "missing_count": 0, "unexpected_count": 2}
    kind = "expect_column_values_to_not_be_null"
    for mostly, has_passed in ((0.8, True), (0.81, False)):
        tally = Tally(an_expectation(kind, mostly=mostly))
        tally.add(Outcome(has_passed=False, details=counts))
        assert tally.outcome().has_passed is has_passed


def test_a_part_that_cannot_be_looked_at_fails_all() -> None:
    tally = Tally(an_expectation())
    good = {"element_count": 9, "missing_count": 0, "unexpected_count": 0}
    for outcome in (
        Outcome(has_passed=True, details=good),
        Outcome(has_passed=False, details={"error": "no such column"}),
        Outcome(has_passed=True, details=good),
    ):
        tally.add(outcome)

    assert tally.outcome().has_passed is False
    assert tally.outcome().details["error"] == "no such column"


@pytest.mark.parametrize(
    ("kind", "kwargs", "observed"),
    [
        ("min", {"min_value": 1}, (True, 1.0)),
        ("min", {"min_value": 1, "strict_min": True}, (False, 1.0)),
        ("max", {"max_value": 9}, (True, 9.0)),
        ("max", {"max_value": 9, "strict_max": True}, (False, 9.0)),
        ("mean", {"min_value": 4, "max_value": 6}, (True, 5.0)),
        ("stdev", {"max_value": 2.1}, (False, pytest.approx(2.108, abs=1e-3))),
    ],
)  # fmt: skip
def test_figures_of_all_rows_are_the_profile_s(
    kind: str, kwargs: dict[str, Any], observed: tuple[bool, float]
) -> None:
    expectation = an_expectation(f"expect_column_{kind}_to_be_between", **kwargs)

    found = of_profile(expectation, a_profile(), n_rows=10)

    assert found is not None
    assert (found.has_passed, found.details["observed_value"]) == observed


@pytest.mark.parametrize(
    ("profile", "kwargs"),
    [
        (a_profile(nonfinite_count=1), {}),
        (a_profile(kind=ColumnKind.TIME), {}),
        (a_profile(min=None), {}),
        (a_profile(name="y"), {}),
        (a_profile(count=11), {}),  # of more than the rows
        (a_profile(), {"min_value": "2020-01-01"}),
        (a_profile(), {"row_condition": "x > 3"}),
    ],
)
def test_what_a_profile_does_not_know_it_does_not_say(
    profile: Profile, kwargs: dict[str, Any]
) -> None:
    expectation = an_expectation("expect_column_min_to_be_between", **kwargs)

    assert of_profile(expectation, profile, n_rows=10) is None


@pytest.mark.parametrize(
    ("kind", "kwargs", "scope"),
    [
        ("expect_column_values_to_match_regex", {"regex": "x"}, Scope.ROWS),
        ("expect_column_values_to_be_unique", {}, Scope.OTHER),
        ("expect_column_values_to_be_increasing", {}, Scope.OTHER),
        ("expect_column_median_to_be_between", {}, Scope.OTHER),
        ("expect_table_column_count_to_equal", {"value": 3}, Scope.COLUMNS),
    ],
)
def test_only_what_is_said_of_each_row_can_be_added_up(
    kind: str, kwargs: dict[str, Any], scope: Scope
) -> None:
    assert scope_of(an_expectation(kind, **kwargs)) is scope


def test_rows_are_counted() -> None:
    def count(**kwargs: Any) -> bool:
        return of_row_count(Expectation(type="x", kwargs=kwargs), 5).has_passed

    assert count(value=5)
    assert not count(value=4)
    assert count(min_value=5, max_value=5)
    assert not count(min_value=6)
    assert not count(max_value=4)
