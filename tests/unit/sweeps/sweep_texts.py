"""A good sweep file that the tests of sweep files break in one place each."""

from collections.abc import Callable

import pytest

from sweeps.errors import InvalidSweepFile, Problem
from sweeps.sweep_files import parse_text

GOOD = """\
experiment: digits
owner: ana
purpose: Which network is best?
objective: {metric: val_accuracy, direction: maximize}
space:
  lr: {type: float, low: 1e-4, high: 1e-1, log: true}
  hidden: {type: int, low: 16, high: 256}
  activation: [relu, on, 3, 3.0, true]
  epochs: 10
limits: {max_trials: 24, deadline: 1h30m, trial_timeout: 90, stalled_after: 60s}
trial:
  command: [python, train.py, "--lr={lr}", "{{}}"]
  resources: {cpu: 500m, memory: 1Gi, gpu: 1}
seed: 7
"""


def with_line(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def problems_of(text: str) -> tuple[Problem, ...]:
    return problems_when(lambda: parse_text(text, source="sweep.yaml"))


def problems_when(parse: Callable[[], object]) -> tuple[Problem, ...]:
    with pytest.raises(InvalidSweepFile) as caught:
        parse()
    return caught.value.problems
