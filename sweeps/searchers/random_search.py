"""Random search: independent draws, without repeating a configuration of a finite space.

Source: Bergstra and Bengio, JMLR 13 (2012). We depart by drawing without replacement where the
space is finite.
"""

import numpy as np

from sweeps.journal import History
from sweeps.spaces import Configuration, SearchSpace

_DRAWS = 64  # before a finite space is looked through for what is left
_ENUMERABLE = 1_000_000  # configurations that may be looked through, about two seconds


class RandomSearch:
    """A `Searcher` that draws from the priors."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space

    def suggest(
        self,
        *,
        number: int,  # noqa: ARG002 - the port's signature
        history: History,
        rng: np.random.Generator,
    ) -> Configuration | None:
        """A configuration that was not asked for yet, or None when there is none."""
        return sample_unseen(self._space, rng, history)


def sample_unseen(
    space: SearchSpace, rng: np.random.Generator, history: History
) -> Configuration | None:
    """A draw that was not asked for yet, or None when a finite space has no other one."""
    for _ in range(_DRAWS):
        configuration = space.complete({}, rng)
        if configuration is None:
            break  # constraints leave so little that only looking through it can find it
        if not history.has(configuration):
            return configuration
    bound = space.bound()
    if bound is None or bound > _ENUMERABLE:
        return space.sample(rng)  # so unlikely that a repetition is the lesser evil
    left = [candidate for candidate in space.configurations() if not history.has(candidate)]
    return left[int(rng.integers(len(left)))] if left else None
