"""Test functions with published optima, as problems for `benchmarks.search`."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Configuration = Mapping[str, Any]


@dataclass(frozen=True)
class FunctionProblem:
    """A function of real parameters; a trial takes one second, whatever it tries."""

    space: Mapping[str, Mapping[str, Any]]
    optimum: float
    function: Any
    metric: str = "value"
    direction: str = "minimize"
    resources: Sequence[int] = (1,)

    def __call__(self, configuration: Configuration, resource: int) -> dict[str, float]:
        """Value at a configuration."""
        values = [float(configuration[name]) for name in self.space]
        return {"value": self.function(values), "seconds": float(resource)}


def branin() -> FunctionProblem:
    """Branin: two dimensions, three optima of 0.397887 (Dixon and Szego, 1978)."""

    def value(point: Sequence[float]) -> float:
        x, y = point
        b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
        return (y - b * x * x + c * x - 6) ** 2 + 10 * (1 - t) * math.cos(x) + 10

    space = {
        "x": {"type": "float", "low": -5.0, "high": 10.0},
        "y": {"type": "float", "low": 0.0, "high": 15.0},
    }
    return FunctionProblem(space, 0.397887, value)


_ALPHA = (1.0, 1.2, 3.0, 3.2)
_A = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
_P = (
    (1312, 1696, 5569, 124, 8283, 5886),
    (2329, 4135, 8307, 3736, 1004, 9991),
    (2348, 1451, 3522, 2883, 3047, 6650),
    (4047, 8828, 8732, 5743, 1091, 381),
)


def hartmann6() -> FunctionProblem:
    """Hartmann 6: six dimensions, optimum -3.32237, a second minimum at about -3.20."""

    def value(point: Sequence[float]) -> float:
        return -sum(
            alpha
            * math.exp(-sum(a * (x - p / 1e4) ** 2 for a, p, x in zip(row, at, point, strict=True)))
            for alpha, row, at in zip(_ALPHA, _A, _P, strict=True)
        )

    space = {f"x{n}": {"type": "float", "low": 0.0, "high": 1.0} for n in range(1, 7)}
    return FunctionProblem(space, -3.32237, value)


def ackley5() -> FunctionProblem:
    """Ackley in five dimensions: many local minima around one of 0."""

    def value(point: Sequence[float]) -> float:
        n = len(point)
        spread = math.sqrt(sum(x * x for x in point) / n)
        waves = sum(math.cos(2 * math.pi * x) for x in point) / n
        return -20 * math.exp(-0.2 * spread) - math.exp(waves) + 20 + math.e

    space = {f"x{n}": {"type": "float", "low": -20.0, "high": 30.0} for n in range(5)}
    return FunctionProblem(space, 0.0, value)


def rosenbrock4() -> FunctionProblem:
    """Rosenbrock in four dimensions: a bent valley, values over six orders of magnitude."""

    def value(point: Sequence[float]) -> float:
        pairs = itertools.pairwise(point)
        return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairs)

    space = {f"x{n}": {"type": "float", "low": -5.0, "high": 10.0} for n in range(4)}
    return FunctionProblem(space, 0.0, value)


def mixed() -> FunctionProblem:
    """Like a training job: log, whole and categorical parameters that hang together, and noise."""

    def value(point: Sequence[Any]) -> float:
        lr, layers, width, optimizer = point
        best = {"adam": -3.0, "sgd": -1.0, "rmsprop": -3.5}[optimizer]
        base = {"adam": 0.0, "sgd": 0.05, "rmsprop": 0.1}[optimizer]
        noise = 0.01 * math.sin(1e4 * lr + 97 * layers + width)
        return (
            base
            + 0.15 * (math.log10(lr) - best + 0.1 * (layers - 3)) ** 2
            + 0.03 * (layers - 4) ** 2
            + 0.05 * (math.log2(width) - 7) ** 2
            + noise
        )

    class Mixed(FunctionProblem):
        def __call__(self, configuration: Configuration, resource: int) -> dict[str, float]:
            point = [configuration[name] for name in self.space]
            return {"value": value(point), "seconds": float(resource)}

    space: dict[str, dict[str, Any]] = {
        "lr": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
        "layers": {"type": "int", "low": 1, "high": 10},
        "width": {"type": "int", "low": 8, "high": 1024, "log": True},
        "optimizer": {"type": "categorical", "choices": ["adam", "sgd", "rmsprop"]},
    }
    return Mixed(space, -0.01, value)
