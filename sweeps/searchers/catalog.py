"""Searchers by the name that a sweep file gives them; each is imported when it is asked for."""

from collections.abc import Sequence

from sweeps.spaces import Configuration, SearchSpace
from sweeps.specs import SearcherSpec
from sweeps.strategies import Searcher

_COSTLY = frozenset({"bayes", "optuna"})  # they fit models


def is_costly(spec: SearcherSpec) -> bool:
    """Whether suggestions take long enough to be made ahead of demand."""
    return spec.name in _COSTLY


def make_searcher(
    spec: SearcherSpec,
    space: SearchSpace,
    *,
    levels: tuple[int, ...],
    seed: int,
    trials: int | None = None,
    initial_configurations: Sequence[Configuration] = (),
) -> Searcher:
    """The searcher of a sweep.

    Args:
        levels: Rungs at which the scheduler compares trials, ascending; empty: only final results
            count.
        seed: The sweep's.
        trials: Of the whole sweep, where that is known.
        initial_configurations: Tried before the searcher is asked.
    """
    first = len(initial_configurations)
    searcher = _make(spec, space, levels=levels, seed=seed, trials=trials, tried_first=first)
    if not initial_configurations:
        return searcher
    from sweeps.searchers.initial_configurations import TriesFirst

    return TriesFirst(searcher, space, initial_configurations)


def _make(
    spec: SearcherSpec,
    space: SearchSpace,
    *,
    levels: tuple[int, ...],
    seed: int,
    trials: int | None,
    tried_first: int,
) -> Searcher:
    match spec.name:
        case "random":
            from sweeps.searchers.random_search import RandomSearch

            return RandomSearch(space)
        case "grid":
            from sweeps.searchers.grid_search import GridSearch

            return GridSearch(
                space, points_per_parameter=spec.points_per_parameter, tried_first=tried_first
            )
        case "sobol":
            from sweeps.searchers.sobol_search import sobol_search

            return sobol_search(space, seed=seed, tried_first=tried_first)
        case "lhs":
            from sweeps.searchers.lhs_search import lhs_search

            return lhs_search(space, seed=seed, trials=trials, tried_first=tried_first)
        case "bayes":
            from sweeps.searchers.bayesian_search import BayesianSearch

            return BayesianSearch(
                space,
                initial_points=spec.initial_points,
                levels=levels,
                seed=seed,
                tried_first=tried_first,
            )
        case "optuna":
            from sweeps.searchers.optuna_search import OptunaSearch

            return OptunaSearch(space, sampler=spec.sampler, levels=levels)
        case other:  # a spec is checked when it is parsed
            raise ValueError(f"no searcher {other!r}")
