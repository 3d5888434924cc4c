"""Bayesian optimisation with scikit-optimize; the only module that knows that library.

Each suggestion fits one Gaussian process to the history and maximises expected improvement. The
library's traps are dealt with here: it only minimises (the journal holds losses), repeats itself
until told something (each suggestion gets a fresh optimiser), refuses NaN (failed trials count as
the worst loss seen), and may propose what was tried already (such a proposal is replaced).

Source: Jones, Schonlau and Welch, J. Global Optim. 13 (1998), for expected improvement; Ginsbourger,
Le Riche and Carraro (2010), section 4.2, for the constant liar, here with the median as the lie.
"""

import math
import statistics
import warnings
from typing import Any

import numpy as np

from sweeps import spaces
from sweeps.journal import History
from sweeps.searchers.random_search import sample_unseen
from sweeps.spaces import Categorical, Configuration, Float, Int, Scalar, SearchSpace

_SQUARABLE = 1e100  # the model squares losses; a loss that exploded must not overflow


class BayesianSearch:
    """A `Searcher` that models the objective."""

    def __init__(
        self, space: SearchSpace, *, initial_points: int, levels: tuple[int, ...] = ()
    ) -> None:
        self._levels = levels
        self._space = space
        self._initial_points = initial_points
        # What never varies would only make the model's matrices larger.
        self._varying = {
            name: parameter
            for name, parameter in space.parameters.items()
            if SearchSpace(parameters={name: parameter}).size() != 1
        }

    def suggest(
        self,
        *,
        number: int,  # noqa: ARG002 - the port's signature
        history: History,
        rng: np.random.Generator,
    ) -> Configuration | None:
        """The most promising configuration that was not asked for yet; random ones at first."""
        known = [o for o in history.observations if o.loss is not None and math.isfinite(o.loss)]
        if len(known) < self._initial_points or not self._varying:
            return sample_unseen(self._space, rng, history)
        proposal = self._propose(history, rng)
        if history.has(proposal):
            return sample_unseen(self._space, rng, history)
        return proposal

    def _propose(self, history: History, rng: np.random.Generator) -> Configuration:
        # 1.5 s to import; a sweep with another strategy must not pay for it.
        from skopt import Optimizer  # pyright: ignore[reportMissingTypeStubs] - it has none
        from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs] - none

        finite = [
            o.loss for o in history.observations if o.loss is not None and math.isfinite(o.loss)
        ]
        worst, lie = max(finite), statistics.median(finite)
        points = [self._encode(o.configuration) for o in history.observations]
        losses = [
            o.loss if o.loss is not None and math.isfinite(o.loss) else worst
            for o in history.observations
        ]
        points += [self._encode(configuration) for configuration in history.pending.values()]
        losses += [lie] * len(history.pending)
        largest = max(map(abs, losses))
        if largest > _SQUARABLE:
            losses = [loss / largest for loss in losses]
        # One thread: with matrices this small, threads wait for each other five times as long as
        # they work, and the cores belong to the trials.
        with warnings.catch_warnings(), threadpool_limits(1):
            # The kernel's bounds and repeated points are the model's own business.
            warnings.simplefilter("ignore")
            optimizer: Any = Optimizer(
                [_dimension(parameter) for parameter in self._varying.values()],
                base_estimator="GP",
                acq_func="EI",
                n_initial_points=0,
                random_state=int(rng.integers(2**31)),
            )
            optimizer.tell(points, losses)
            return self._decode(optimizer.ask())

    def _encode(self, configuration: Configuration) -> list[Any]:
        return [
            str(_index(parameter, configuration[name]))
            if isinstance(parameter, Categorical)
            else configuration[name]
            for name, parameter in self._varying.items()
        ]

    def _decode(self, point: list[Any]) -> Configuration:
        proposed = dict(zip(self._varying, point, strict=True))
        return {
            name: _value(parameter, proposed[name])
            if name in proposed
            else next(iter(parameter.values() or ()))
            for name, parameter in self._space.parameters.items()
        }


def _dimension(parameter: spaces.Parameter) -> Any:
    from skopt import space  # pyright: ignore[reportMissingTypeStubs] - it has none

    match parameter:
        case Float():
            prior = "log-uniform" if parameter.log else "uniform"
            return space.Real(parameter.low, parameter.high, prior=prior, transform="normalize")
        case Int():
            prior = "log-uniform" if parameter.log else "uniform"
            return space.Integer(parameter.low, parameter.high, prior=prior, transform="normalize")
        case Categorical():
            # Positions, not values: skopt would turn a mix of types into strings.
            return space.Categorical(
                [str(i) for i in range(len(parameter.choices))], transform="onehot"
            )
        case _:
            raise TypeError(f"{parameter!r} does not vary")


def _index(parameter: Categorical, value: Scalar) -> int:
    wanted = (type(value), value)
    return [(type(choice), choice) for choice in parameter.choices].index(wanted)


def _value(parameter: spaces.Parameter, proposed: Any) -> Scalar:
    match parameter:
        case Float():
            return min(max(float(proposed), parameter.low), parameter.high)
        case Int():
            return min(max(int(proposed), parameter.low), parameter.high)
        case Categorical():
            return parameter.choices[int(proposed)]
        case _:
            raise TypeError(f"{parameter!r} does not vary")
