"""A first suite for a dataset, proposed from what is in it: for a person to read and change. Pure."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import yaml

from governance.datasets.contracts import Severity
from sweeps.data_profiles import ColumnKind, ColumnProfile, Profile

_FEW_VALUES = 20
_HEADER = """\
# What is expected of the dataset {name}. Proposed from {version}; read it, change it, commit it.
# An expectation whose severity is critical, as it is without one, keeps sweeps from starting on a
# version that fails it; warning and info are told. `sweepworks data check {name}` looks.
# All there are: https://greatexpectations.io/expectations
"""


def first_expectations(
    profile: Profile, *, columns: Collection[str], n_rows: int
) -> list[dict[str, Any]]:
    """What may be expected, as a suite's file has it.

    Args:
        columns: Those of the tables: of arrays beside them nothing can be expected here.
        n_rows: Of all tables: where one has no such column, its values are absent.
    """
    wanted = [column for column in profile.columns if column.name in columns]
    expectations = [
        _one(
            "expect_table_columns_to_match_set",
            column_set=[column.name for column in wanted],
            exact_match=True,
        )
    ]
    if n_rows:
        expectations.append(
            _one(
                "expect_table_row_count_to_be_between",
                Severity.WARNING,
                min_value=max(1, n_rows // 2),
                max_value=n_rows * 2,
            )
        )
    for column in wanted:
        if column.count <= n_rows:  # else an array has that name, too, and it is summed up with it
            expectations += _of_column(column, n_rows)
    return expectations


def suite_text(expectations: Sequence[Mapping[str, Any]], *, name: str, version: str) -> str:
    """The text of a suite's file."""
    document = {"name": name, "expectations": [dict(one) for one in expectations]}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return _HEADER.format(name=name, version=version) + text


def _of_column(column: ColumnProfile, n_rows: int) -> Iterator[dict[str, Any]]:
    n_absent = column.null_count + n_rows - column.count
    if not n_absent:
        yield _one("expect_column_values_to_not_be_null", column=column.name)
    elif n_absent < n_rows:
        mostly = max(0.0, math.floor((1 - 2 * n_absent / n_rows) * 100) / 100)
        if mostly:
            yield _one(
                "expect_column_values_to_not_be_null",
                Severity.WARNING,
                column=column.name,
                mostly=mostly,
            )
    is_seen_whole = column.sample_size == column.count - column.null_count - column.nonfinite_count
    values = _values(column) if is_seen_whole else None
    if values is not None:
        yield _one(
            "expect_column_values_to_be_in_set",
            Severity.WARNING,
            column=column.name,
            value_set=values,
        )
    elif column.kind in {ColumnKind.INTEGER, ColumnKind.NUMBER}:
        bounds = _bounds(column)
        if bounds is not None:
            low, high = bounds
            yield _one(
                "expect_column_values_to_be_between",
                Severity.WARNING,
                column=column.name,
                min_value=low,
                max_value=high,
            )
    is_unique = is_seen_whole and column.distinct_count == column.count > _FEW_VALUES
    if is_unique and column.kind in {ColumnKind.INTEGER, ColumnKind.TEXT}:
        yield _one("expect_column_values_to_be_unique", Severity.WARNING, column=column.name)


def _values(column: ColumnProfile) -> list[Any] | None:
    """All values of a column that has few, as they are in a table."""
    if not 0 < len(column.values) <= _FEW_VALUES:
        return None
    match column.kind:
        case ColumnKind.BOOLEAN:
            return [value == "true" for value in column.values]
        case ColumnKind.INTEGER:
            return sorted(int(value) for value in column.values)
        case ColumnKind.TEXT:
            return sorted(column.values)
        case _:
            return None


def _bounds(column: ColumnProfile) -> tuple[float, float] | None:
    """Least and greatest with a tenth of what lies between them on either side."""
    if column.min is None or column.max is None:
        return None
    margin = (column.max - column.min) / 10 or abs(column.max) / 10 or 1.0
    low, high = column.min - margin, column.max + margin
    if column.min >= 0 > low:
        low = 0.0  # what is never negative is not expected to become so
    if not math.isfinite(low + high):
        return None
    if column.kind is ColumnKind.INTEGER:
        return math.floor(low), math.ceil(high)
    return float(f"{low:.6g}"), float(f"{high:.6g}")


def _one(kind: str, severity: Severity = Severity.CRITICAL, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": str(severity)}
