"""Where evaluations of candidates are found: what their experiments are called. Pure."""

_SUFFIX = "-evaluation"
_LONGEST_EXPERIMENT = 100


def evaluation_experiment(experiment: str) -> str:
    """Experiment of the sweeps that evaluate its candidates.

    One of its own: their runs are never among those of the search.
    """
    return experiment[: _LONGEST_EXPERIMENT - len(_SUFFIX)] + _SUFFIX
