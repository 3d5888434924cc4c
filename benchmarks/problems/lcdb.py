"""Tuning on real learning curves: which learner, on which split, has the least validation error.

One data set a seed. The resource is the size of the training set; a trial's seconds are what its
training took when the curves were recorded. See `make_lcdb` for where they come from.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.problems.make_lcdb import DATA

_SPLITS = 25


@dataclass(frozen=True)
class CurveProblem:
    """The curves of one data set."""

    space: Mapping[str, Mapping[str, Any]]
    resources: Sequence[int]
    optimum: float
    values: np.ndarray  #: (learner, split, anchor, error and seconds)
    learners: Sequence[str]
    metric: str = "error"
    direction: str = "minimize"

    def __call__(self, configuration: Mapping[str, Any], resource: int) -> dict[str, float]:
        """Error and seconds at the largest recorded size that is not above `resource`."""
        learner = self.learners.index(str(configuration["learner"]))
        split = int(configuration["split"]) - 1
        anchor = max(bisect_right(self.resources, resource) - 1, 0)
        error, seconds = self.values[learner, split, anchor]
        return {"value": float(error), "seconds": max(float(seconds), 1e-3)}


def lcdb(seed: int = 0) -> CurveProblem:
    """The data set of a seed."""
    with np.load(DATA) as stored:
        datasets = [str(name) for name in stored["datasets"]]
        name = datasets[seed % len(datasets)]
        learners = [str(learner) for learner in stored[f"{name}/learners"]]
        anchors = [int(anchor) for anchor in stored[f"{name}/anchors"]]
        values = stored[f"{name}/values"][:, :_SPLITS]
    # Times of single trainings jitter; on a curve they must not fall.
    values[..., 1] = np.maximum.accumulate(values[..., 1], axis=-1)
    return CurveProblem(
        space={
            "learner": {"type": "categorical", "choices": learners},
            "split": {"type": "int", "low": 1, "high": values.shape[1]},
        },
        resources=anchors,
        optimum=float(values[:, :, -1, 0].min()),
        values=values,
        learners=learners,
    )
