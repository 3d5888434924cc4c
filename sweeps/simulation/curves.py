"""What a simulated trial would have measured, and what that would have cost."""

from collections.abc import Callable
from dataclasses import dataclass

from sweeps.spaces import Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A point of a learning curve."""

    value: float  #: of the objective, in the metric's own direction
    seconds: float  #: of training from scratch up to this resource level


Curves = Callable[[Configuration, int], Outcome]  #: of a configuration, at a resource level
