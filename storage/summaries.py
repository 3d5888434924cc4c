"""What a batch of points adds to the summaries of its curves: last, least, greatest, count."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from storage.points import Float64s, Int64s, RunPoints

JsonNumber = float | str


def json_number(value: float) -> JsonNumber:
    """`value` for JSON, which has no word for what is not finite."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summaries:
    """One entry a curve; all arrays have shape `(n,)`. Least and greatest are NaN for only NaN."""

    series_ids: Int64s
    counts: Int64s
    last_steps: Int64s
    last_values: Float64s
    least: Float64s
    greatest: Float64s

    @classmethod
    def of(cls, batch: Sequence[RunPoints]) -> Self | None:
        """Those of all curves in `batch` that have points; None when there are none."""
        filled = [points for points in batch if len(points.values)]
        if not filled:
            return None
        ids = np.concatenate([np.repeat(points.series_ids, points.counts) for points in filled])
        steps = np.concatenate([points.steps for points in filled])
        values = np.concatenate([points.values for points in filled])
        # Two writers of one run may bring the same curve. Sorting is stable, so of several points
        # at the highest step the one that came last stays last.
        order = np.lexsort((steps, ids))
        ids, steps, values = ids[order], steps[order], values[order]
        starts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
        ends = np.concatenate((starts[1:], [len(ids)]))
        return cls(
            series_ids=ids[starts],
            counts=ends - starts,
            last_steps=steps[ends - 1],
            last_values=values[ends - 1],
            # fmin and fmax leave NaN out unless there is nothing else.
            least=np.fmin.reduceat(values, starts),
            greatest=np.fmax.reduceat(values, starts),
        )

    def columns(self) -> Mapping[str, list[int] | list[float]]:
        """Parameters of `merge_summaries`."""
        return {
            "series_ids": self.series_ids.tolist(),
            "counts": self.counts.tolist(),
            "last_steps": self.last_steps.tolist(),
            "last_values": self.last_values.tolist(),
            "least": self.least.tolist(),
            "greatest": self.greatest.tolist(),
        }
