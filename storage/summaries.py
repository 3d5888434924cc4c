"""What a batch of points adds to the summaries of its runs: last, least, greatest, count."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from storage.metric_store import RunPoints
from sweeps.runs import SeriesSummary

JsonNumber = float | str


def json_number(value: float) -> JsonNumber:
    """`value` for JSON, which has no word for what is not finite."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def added_summaries(batch: Sequence[RunPoints]) -> dict[str, dict[str, dict[str, Any]]]:
    """By run and key, in the form that `merge_summaries` merges into the stored row."""
    by_run: dict[str, dict[str, dict[str, Any]]] = {}
    for points in batch:
        if len(points.values) == 0:
            continue
        added = _of_series(points)
        kept = by_run.setdefault(points.run_id, added)
        if kept is not added:  # two writers of one run in one batch
            for key, summary in added.items():
                kept[key] = _merged(kept[key], summary) if key in kept else summary
    return by_run


def parse_summary(document: dict[str, dict[str, Any]]) -> dict[str, SeriesSummary]:
    """The stored row as records."""
    return {
        key: SeriesSummary(
            last=float(entry["last"]),
            step=int(entry["step"]),
            min=None if entry["min"] is None else float(entry["min"]),
            max=None if entry["max"] is None else float(entry["max"]),
            count=int(entry["count"]),
        )
        for key, entry in sorted(document.items())
    }


def _of_series(points: RunPoints) -> dict[str, dict[str, Any]]:
    filled = np.flatnonzero(points.counts)  # `reduceat` has no notion of an empty part
    counts = points.counts[filled]
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    highest = np.maximum.reduceat(points.steps, starts)
    # Of several points at the highest step the one that was logged last counts.
    places = np.where(points.steps == np.repeat(highest, counts), np.arange(len(points.steps)), -1)
    last = points.values[np.maximum.reduceat(places, starts)]
    # fmin and fmax leave NaN out unless there is nothing else.
    least = np.fmin.reduceat(points.values, starts)
    greatest = np.fmax.reduceat(points.values, starts)
    columns = (counts, highest, last, least, greatest)
    keys = list(points.keys)
    return {
        keys[place]: {
            "count": count,
            "step": step,
            "last": json_number(value),
            "min": None if math.isnan(low) else json_number(low),
            "max": None if math.isnan(high) else json_number(high),
        }
        for place, count, step, value, low, high in zip(
            filled.tolist(), *(column.tolist() for column in columns), strict=True
        )
    }


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    latest = new if new["step"] >= old["step"] else old
    lows = [float(entry["min"]) for entry in (old, new) if entry["min"] is not None]
    highs = [float(entry["max"]) for entry in (old, new) if entry["max"] is not None]
    return {
        "count": old["count"] + new["count"],
        "step": latest["step"],
        "last": latest["last"],
        "min": json_number(min(lows)) if lows else None,
        "max": json_number(max(highs)) if highs else None,
    }
