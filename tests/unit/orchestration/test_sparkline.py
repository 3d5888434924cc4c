"""Curves in a line of text."""

import math

from orchestration.cli.sparkline import sparkline


def test_a_curve_is_drawn_between_its_ends() -> None:
    assert sparkline([0.0, 0.5, 1.0], low=0.0, high=1.0) == "▁▅█"
    assert sparkline([2.0, math.nan, -1.0], low=0.0, high=1.0) == "█ ▁"
    assert sparkline([1.0, 1.0], low=1.0, high=1.0) == "▁▁"
