"""What a sweep learns from earlier ones of its experiment."""

from collections.abc import Sequence

from sweeps.journal import Observation
from sweeps.objectives import Objective
from sweeps.spaces import Configuration, Float, SearchSpace
from sweeps.states import RunState
from sweeps.trials import Trial


def earlier_observations(
    trials: Sequence[Trial], space: SearchSpace, objective: Objective
) -> tuple[Observation, ...]:
    """Results of earlier sweeps that `space` can hold, in the order of `trials`.

    Args:
        trials: Of sweeps with the same objective; those that have not ended say nothing yet, nor
            do those that a person ended before they had a result.
    """
    return tuple(
        Observation(
            number=0,
            configuration=_as_of(space, trial.configuration),
            loss=_loss(trial, objective),
            level=trial.resource_level,
        )
        for trial in trials
        if trial.state.is_terminal
        and not (trial.state is RunState.CANCELLED and trial.objective is None)
        and space.contains(trial.configuration)
    )


def _loss(trial: Trial, objective: Objective) -> float | None:
    if trial.state is RunState.FAILED or trial.objective is None:
        return None
    return objective.loss(trial.objective)


def _as_of(space: SearchSpace, configuration: Configuration) -> Configuration:
    """`configuration` with floats where another sweep had whole numbers, in the space's order."""
    return {
        name: float(configuration[name]) if isinstance(parameter, Float) else configuration[name]
        for name, parameter in space.parameters.items()
        if name in configuration
    }
