"""Curves as JSON, in columns; straight from numpy, since a plot has a hundred thousand numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from retention.resolution import Axis, Resolution, Viewport
from storage.json_numbers import json_number
from storage.points.curve_store import Column

VERSION = 1  #: of the form of the answer; another one makes all ETags new
_TENTHS = 10


def series_body(columns: Sequence[Column], viewport: Viewport) -> bytes:
    """The whole answer."""
    answer = {
        "axis": viewport.axis,
        "pixels": viewport.pixels,
        "series": [_series(column, viewport.axis) for column in columns],
    }
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _series(column: Column, axis: Axis) -> Mapping[str, Any]:
    is_step = axis is Axis.STEP
    document: dict[str, Any] = {
        "run": column.run_id,
        "key": column.key,
        "resolution": column.resolution,
        "x": column.x if is_step else column.x / _TENTHS,
    }
    if column.resolution is Resolution.RAW:
        values = column.mean
        if not np.isfinite(values).all():
            return {**document, "value": [json_number(value) for value in values.tolist()]}
        return {**document, "value": values}
    document |= {
        "width": column.width if is_step else column.width / _TENTHS,
        # NaN, where a bucket has no finite number, becomes null.
        "min": column.low,
        "max": column.high,
        "mean": np.where(np.isnan(column.low), np.nan, column.mean),
        "count": column.counts,
    }
    if column.nonfinite.any():
        document["nonfinite"] = column.nonfinite
    return document
