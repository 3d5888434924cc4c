"""Optuna's samplers behind our port: the proof that a team can bring a library of its own.

Needs the extra ``optuna`` of the distribution. Every suggestion builds a study from the history,
so that nothing is kept that the journal does not tell; with thousands of trials that takes longer
than the sampling.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from sweeps.errors import PermanentError
from sweeps.journal import History, Observation
from sweeps.searchers.random_search import sample_unseen
from sweeps.spaces import Categorical, Configuration, Float, Int, Ordinal, Parameter, SearchSpace

SAMPLERS = ("tpe", "gp", "cmaes", "qmc", "random")
_TRIES = 8  # suggestions before a random one: constraints, and what was asked for before


class SamplerMissing(PermanentError):
    """A library that the sweep asks for is not installed."""

    def __init__(self, sampler: str, missing: str) -> None:
        super().__init__(
            f"strategy optuna with sampler {sampler} needs {missing}: "
            "pip install 'sweepworks-platform[optuna]'" + (" torch" if missing == "torch" else "")
        )


class OptunaSearch:
    """A `Searcher` that asks one of Optuna's samplers."""

    def __init__(self, space: SearchSpace, *, sampler: str, levels: tuple[int, ...] = ()) -> None:
        """A searcher on one of `SAMPLERS`.

        Args:
            levels: Rungs at which trials are compared. Who ended below the highest one was pruned
                there, in Optuna's words.

        Raises:
            SamplerMissing: Optuna, or what the sampler needs, is not installed.
        """
        self._space = space
        self._top = levels[-1] if levels else 0
        self._sampler = sampler
        self._optuna = _import_optuna(sampler)
        self._distributions = {
            name: distribution
            for name, parameter in space.parameters.items()
            if (distribution := self._distribution(parameter)) is not None
        }

    def suggest(
        self,
        *,
        number: int,
        history: History,
        rng: np.random.Generator,
    ) -> Configuration | None:
        """The sampler's answer to the whole history; a random one where it repeats itself."""
        study = self._study(history, number=number, seed=int(rng.integers(2**31)))
        for _ in range(_TRIES):
            trial = study.ask(self._distributions)
            configuration = self._configuration(trial.params)
            if self._space.allows(configuration) and not history.has(configuration):
                return configuration
            study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        return sample_unseen(self._space, rng, history)

    def _study(self, history: History, *, number: int, seed: int) -> Any:
        optuna = self._optuna
        study = optuna.create_study(direction="minimize")
        states = optuna.trial.TrialState
        for observation in (*history.earlier, *history.observations):
            if self._space.contains(observation.configuration):
                study.add_trial(self._ended(observation))
        study.sampler = self._make_sampler(seed, number=number, told=study.get_trials())
        for configuration in history.pending.values():
            study.add_trial(self._frozen(configuration, state=states.RUNNING))
        return study

    def _ended(self, observation: Observation) -> Any:
        states = self._optuna.trial.TrialState
        configuration, loss, level = observation.configuration, observation.loss, observation.level
        if loss is None or not np.isfinite(loss):
            return self._frozen(configuration, state=states.FAIL)
        if level is not None and level < self._top:
            return self._frozen(configuration, state=states.PRUNED, reached={level: loss})
        return self._frozen(configuration, state=states.COMPLETE, value=loss)

    def _frozen(
        self,
        configuration: Configuration,
        *,
        state: Any,
        value: float | None = None,
        reached: Mapping[int, float] | None = None,
    ) -> Any:
        known = {name: self._encoded(name, configuration) for name in self._distributions}
        params = {name: encoded for name, encoded in known.items() if encoded is not None}
        return self._optuna.trial.create_trial(
            params=params,
            distributions={name: self._distributions[name] for name in params},
            state=state,
            value=value,
            intermediate_values=dict(reached or {}),
        )

    def _encoded(self, name: str, configuration: Configuration) -> Any:
        if name not in configuration:
            return None
        parameter, value = self._space.parameters[name], configuration[name]
        # Positions, not values: Optuna would take 1, 1.0 and True for the same choice.
        if isinstance(parameter, (Categorical, Ordinal)):
            return parameter.position(value)
        return value if _is_known(parameter) else parameter.to_unit(value)

    def _configuration(self, params: dict[str, Any]) -> Configuration:
        units = [
            self._unit(name, params[name]) if name in params else 0.5
            for name in self._space.parameters
        ]
        return self._space.from_units(units)

    def _unit(self, name: str, value: Any) -> float:
        parameter = self._space.parameters[name]
        if isinstance(parameter, (Categorical, Ordinal)):
            return parameter.to_unit(parameter.choices[int(value)])
        return parameter.to_unit(value) if _is_known(parameter) else float(value)

    def _distribution(self, parameter: Any) -> Any:
        kinds = self._optuna.distributions
        match parameter:
            case Float() | Int() if parameter.count() == 1:
                return None
            case Float() | Int() if not _is_known(parameter):
                return kinds.FloatDistribution(0.0, 1.0)  # its place in the prior
            case Float():
                return kinds.FloatDistribution(parameter.low, parameter.high, log=parameter.log)
            case Int():
                high = parameter.low + (parameter.count() - 1) * parameter.step
                return kinds.IntDistribution(
                    parameter.low, high, log=parameter.log, step=parameter.step
                )
            case Categorical():
                return kinds.CategoricalDistribution(range(len(parameter.choices)))
            case Ordinal():
                return kinds.IntDistribution(0, len(parameter.choices) - 1)
            case _:
                return None

    def _make_sampler(self, seed: int, *, number: int, told: list[Any]) -> Any:
        samplers = self._optuna.samplers
        match self._sampler:
            case "gp":
                return samplers.GPSampler(seed=seed)
            case "cmaes":
                # Its state lives in trials that it proposed itself, and a new study has none. What
                # it takes from any trial is a start: where the best are (Nomura et al., AAAI 2021).
                complete = [trial for trial in told if trial.state.name == "COMPLETE"]
                return samplers.CmaEsSampler(seed=seed, source_trials=complete or None)
            case "qmc":
                return _qmc_at(samplers, number - 1)
            case "random":
                return samplers.RandomSampler(seed=seed)
            case _:
                return samplers.TPESampler(seed=seed, constant_liar=True)


def _is_known(parameter: Parameter) -> bool:
    """Whether Optuna has such a distribution; it rounds steps of floats in a way of its own."""
    if not isinstance(parameter, (Float, Int)) or parameter.prior is not None:
        return False
    if isinstance(parameter, Float):
        return parameter.step is None
    return not parameter.log or (parameter.low >= 1 and parameter.step == 1)


def _qmc_at(samplers: Any, index: int) -> Any:
    """The sequence from its point `index` on: a new study would begin at the first one."""
    places = itertools.count(index)

    class At(samplers.QMCSampler):
        def _find_sample_id(self, study: Any, search_space: Any) -> int:  # noqa: ARG002 - theirs
            return next(places)

    return At()


def _import_optuna(sampler: str) -> Any:
    needs = {"gp": ("optuna", "torch"), "cmaes": ("optuna", "cmaes")}.get(sampler, ("optuna",))
    import importlib

    for module in needs:
        try:
            importlib.import_module(module)
        except ImportError as exc:
            raise SamplerMissing(sampler, module) from exc
    optuna: Any = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
