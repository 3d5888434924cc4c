"""One curve as columns of numbers, from what the database has aggregated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from retention.resolution import Axis, Resolution
from storage.points.points import Float64s, Int64s
from sweeps.ids import RunId

_GREATEST = 1e290  # beyond it values do not count as finite: their sum might overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One curve, cut. All columns have the shape `(n,)`.

    Attributes:
        x: Steps or tenths of a second; of buckets, where they begin. Sorted.
        low: The least value of a bucket that is a finite number; NaN when it has none. Of raw
            points, their values.
        high: Likewise the greatest.
        mean: Likewise.
        counts: All points of a bucket.
        nonfinite: Those that are no finite numbers, or beyond 1e290.
    """

    run_id: RunId
    key: str
    resolution: Resolution
    width: int  #: of a bucket
    x: Int64s
    low: Float64s
    high: Float64s
    mean: Float64s
    counts: Int64s
    nonfinite: Int64s


def column_of(
    row: Mapping[str, Any],
    *,
    run_id: RunId,
    key: str,
    resolution: Resolution,
    width: int,
    axis: Axis,
    shift: int,
) -> Column:
    """A curve from a row of `sql/queries/curves.sql`, sorted.

    Args:
        shift: Where the axis begins, in its unit.
    """
    if resolution is Resolution.RAW:
        values: Float64s = row["values"]
        x: Int64s = row["steps"] if axis is Axis.STEP else row["times"]
        order = np.lexsort((values, row["steps"], row["times"], x))
        values = values[order]
        low, high, mean = values, values, values
        counts, nonfinite = np.ones_like(x), np.zeros_like(x)
        width = 1
    else:
        # One may begin below what 64 bits hold, and then begins there.
        least = -(2**63)
        x = np.where(row["buckets"] < -(2**63 // width), least, row["buckets"] * width)
        order = np.argsort(x)
        counts: Int64s = row["counts"][order]
        nonfinite: Int64s = row["nonfinites"][order] if "nonfinites" in row else 0 * counts
        low, high = row["leasts"][order], row["greatests"][order]
        mean: Float64s = row["sums"][order] / np.maximum(counts - nonfinite, 1)
    return Column(
        run_id=run_id,
        key=key,
        resolution=resolution,
        width=width,
        x=x[order] - shift,
        low=low,
        high=high,
        mean=mean,
        counts=counts,
        nonfinite=nonfinite,
    )


def is_sound(column: Column) -> bool:
    """Whether a curve that was read without looking at every value is as if they had been."""
    if column.resolution is not Resolution.BUCKETS or column.nonfinite.any():
        return True
    ends = np.maximum(np.abs(column.low), np.abs(column.high))
    return bool(np.all(ends <= _GREATEST))
