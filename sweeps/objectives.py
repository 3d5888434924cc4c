"""Objectives: a metric and a direction. The one place where `maximize` is turned around."""

import enum
from dataclasses import dataclass


class Direction(enum.StrEnum):
    """Which way is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a sweep optimises."""

    metric: str  #: name under which trials report it
    direction: Direction

    def loss(self, value: float) -> float:
        """`value` oriented so that lower is better; its own inverse."""
        return -value if self.direction is Direction.MAXIMIZE else value

    def is_better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better."""
        return self.loss(value) < self.loss(than)
