"""What can be said of all rows of data that is looked at in parts. Pure.

Expectations of great-expectations are of four sorts: of each row, so that counts of parts can be
added; of the columns there are, or how many rows; of a figure that is known of all rows; and others,
such as medians and distinct values, of which a part of the rows says little.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from governance.datasets.contracts import Expectation
from sweeps.data_profiles import ColumnKind, ColumnProfile, Profile

_OF_ROWS = frozenset(
    f"expect_column_{name}"
    for name in (
        "values_to_be_null",
        "values_to_not_be_null",
        "values_to_be_in_set",
        "values_to_not_be_in_set",
        "values_to_be_between",
        "values_to_be_of_type",
        "values_to_be_in_type_list",
        "values_to_be_dateutil_parseable",
        "values_to_be_json_parseable",
        "values_to_match_json_schema",
        "values_to_match_regex",
        "values_to_match_regex_list",
        "values_to_not_match_regex",
        "values_to_not_match_regex_list",
        "values_to_match_like_pattern",
        "values_to_match_like_pattern_list",
        "values_to_not_match_like_pattern",
        "values_to_not_match_like_pattern_list",
        "values_to_match_strftime_format",
        "value_lengths_to_equal",
        "value_lengths_to_be_between",
        "pair_values_a_to_be_greater_than_b",
        "pair_values_to_be_equal",
        "pair_values_to_be_in_set",
    )
) | {"expect_multicolumn_sum_to_equal", "expect_select_column_values_to_be_unique_within_record"}
_OF_COLUMNS = frozenset(
    {
        "expect_column_to_exist",
        "expect_table_columns_to_match_set",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_column_count_to_equal",
        "expect_table_column_count_to_be_between",
    }
)
_ROW_COUNTS = frozenset({"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"})
_FIGURES = frozenset(
    f"expect_column_{name}_to_be_between" for name in ("min", "max", "mean", "stdev")
)
_BOUNDS = frozenset({"min_value", "max_value", "strict_min", "strict_max"})
_OF_EVERY_VALUE = frozenset(
    {"expect_column_values_to_be_null", "expect_column_values_to_not_be_null"}
)
_ADDED = ("element_count", "missing_count", "unexpected_count")


class Scope(StrEnum):
    """What an expectation is about."""

    ROWS = "rows"  #: each by itself
    COLUMNS = "columns"  #: which there are
    ROW_COUNT = "row count"
    FIGURE = "figure"  #: of a column, that a profile has
    OTHER = "other"


def scope_of(expectation: Expectation) -> Scope:
    """What it is about, as far as its arguments are known here."""
    kind, given = expectation.type, set(expectation.kwargs)
    if kind in _OF_ROWS:
        return Scope.ROWS
    if kind in _OF_COLUMNS:
        return Scope.COLUMNS
    if kind in _ROW_COUNTS and given <= {*_BOUNDS, "value"}:
        return Scope.ROW_COUNT
    if kind in _FIGURES and given <= {*_BOUNDS, "column"}:
        return Scope.FIGURE
    return Scope.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one expectation."""

    has_passed: bool
    details: Mapping[str, Any]


@dataclass(slots=True)
class Tally:
    """One expectation of rows, in one part of them after another."""

    expectation: Expectation
    _counts: dict[str, int] = field(default_factory=dict[str, int])
    _error: str | None = None
    _have_all_passed: bool = True

    def add(self, outcome: Outcome) -> None:
        """Take in what became of it in the next part."""
        details = outcome.details
        self._have_all_passed &= outcome.has_passed
        self._error = self._error or details.get("error")
        for key in _ADDED:
            if isinstance(details.get(key), int):
                self._counts[key] = self._counts.get(key, 0) + details[key]

    def outcome(self) -> Outcome:
        """Of all parts together."""
        return Outcome(has_passed=self._has_passed(), details=self._details())

    def _has_passed(self) -> bool:
        if self._error is not None:
            return False
        if "unexpected_count" not in self._counts:  # it has no counts: of types, for one
            return self._have_all_passed
        n, mostly = self._n(), self.expectation.kwargs.get("mostly", 1.0)
        n_good = n - self._counts["unexpected_count"]
        return n_good == n or n_good / n >= mostly

    def _details(self) -> dict[str, Any]:
        details: dict[str, Any] = dict(self._counts)
        if "unexpected_count" in details and self._n():
            details["unexpected_percent"] = 100 * details["unexpected_count"] / self._n()
        if self._error is not None:
            details["error"] = self._error
        return details

    def _n(self) -> int:
        """Of what the share is meant: of values that are there, unless it is about absent ones."""
        n = self._counts.get("element_count", 0)
        is_of_all = self.expectation.type in _OF_EVERY_VALUE
        return n if is_of_all else n - self._counts.get("missing_count", 0)


def of_row_count(expectation: Expectation, n_rows: int) -> Outcome:
    """Whether so many rows are as expected."""
    kwargs = expectation.kwargs
    has_passed = n_rows == kwargs["value"] if "value" in kwargs else _is_within(n_rows, kwargs)
    return Outcome(has_passed=has_passed, details={"observed_value": n_rows})


def of_profile(expectation: Expectation, profile: Profile, *, n_rows: int) -> Outcome | None:
    """Whether a figure of a column is as expected; None: the profile does not say."""
    if scope_of(expectation) is not Scope.FIGURE:
        return None
    kwargs = expectation.kwargs
    bounds = [kwargs.get("min_value"), kwargs.get("max_value")]
    column = profile.column(str(kwargs.get("column")))
    # More values than rows: an array beside the table has a column of that name, too.
    if column is None or column.count > n_rows or column.nonfinite_count:
        return None
    if column.kind not in {ColumnKind.INTEGER, ColumnKind.NUMBER} or not all(
        bound is None or isinstance(bound, (int, float)) for bound in bounds
    ):
        return None
    value = _figure(expectation.type, column)
    if value is None:
        return None
    return Outcome(has_passed=_is_within(value, kwargs), details={"observed_value": value})


def _figure(kind: str, column: ColumnProfile) -> float | None:
    match kind.removeprefix("expect_column_").partition("_")[0]:
        case "min":
            return column.min
        case "max":
            return column.max
        case "mean":
            return column.mean
        case _:  # theirs is of a sample, ours of a population
            n = column.count - column.null_count
            return None if column.std is None or n < 2 else column.std * math.sqrt(n / (n - 1))


def _is_within(value: float, kwargs: Mapping[str, Any]) -> bool:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    is_above = low is None or (value > low if kwargs.get("strict_min") else value >= low)
    is_below = high is None or (value < high if kwargs.get("strict_max") else value <= high)
    return is_above and is_below
