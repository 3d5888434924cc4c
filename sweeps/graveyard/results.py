"""What came of a sweep's trials, as far as its page says it: the best, the failures, the regions."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sweeps.outcomes import signature
from sweeps.spaces import Categorical, Configuration, Float, Int, Ordinal, SearchSpace
from sweeps.states import RunState
from sweeps.trials import SweepSnapshot, Trial

_FEWEST_IN_REGION = 3
_MOST_REGIONS = 6
_LEAST_MIDDLE, _NEARLY = 0.6, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Trials that failed of the same cause."""

    cause: str  #: of the first of them
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of the space that was bad."""

    parameter: str
    words: str  #: ``lr above 0.05``
    n_trials: int
    n_failed: int
    #: Middle place of its results among all, 0 the best and 1 the worst; None: it has none.
    middle: float | None

    def sentence(self) -> str:
        """For people."""
        if 2 * self.n_failed >= self.n_trials:
            return f"{self.words}: {self.n_failed} of {self.n_trials} trials failed"
        share = 0 if self.middle is None else round(100 * self.middle)
        return f"{self.words}: the middle one of {self.n_trials} trials is worse than {share} %"


def has_result(trial: Trial) -> bool:
    """Whether its objective counts."""
    return (
        trial.state in {RunState.COMPLETED, RunState.STOPPED}
        and trial.objective is not None
        and math.isfinite(trial.objective)
    )


def ranked(snapshot: SweepSnapshot) -> list[Trial]:
    """Trials with a result, the best first, then in order."""
    objective = snapshot.sweep.spec.objective

    def place(trial: Trial) -> tuple[float, int]:
        assert trial.objective is not None  # `has_result`
        return objective.loss(trial.objective), trial.number

    return sorted((trial for trial in snapshot.trials if has_result(trial)), key=place)


def losses(snapshot: SweepSnapshot) -> list[tuple[Configuration, float]]:
    """Configurations of trials with a result, and their loss, in order of their numbers."""
    objective = snapshot.sweep.spec.objective
    return [
        (trial.configuration, objective.loss(trial.objective))
        for trial in snapshot.trials
        if has_result(trial) and trial.objective is not None
    ]


def failures(trials: Sequence[Trial]) -> list[Failure]:
    """Trials that failed, by their cause, the most frequent one first."""
    failed = [trial for trial in trials if trial.state is RunState.FAILED]
    counts = Counter(signature(trial.reason) for trial in failed)
    found: list[Failure] = []
    for cause, _ in counts.most_common():
        ours = [trial for trial in failed if signature(trial.reason) == cause]
        found.append(
            Failure(
                cause=ours[0].reason or "no reason is known",
                numbers=tuple(trial.number for trial in ours),
            )
        )
    return found


def bad_regions(snapshot: SweepSnapshot) -> list[Region]:
    """Quarters of ranges, and choices, where most trials failed or came out badly; worst first."""
    order = ranked(snapshot)
    last = max(1, len(order) - 1)
    place = {trial.number: index / last for index, trial in enumerate(order)}
    n_failed = sum(trial.state is RunState.FAILED for trial in snapshot.trials)
    usual = n_failed / len(snapshot.trials) if snapshot.trials else 0.0
    found: list[tuple[float, Region]] = []
    for name, words, contains in _parts(snapshot.sweep.spec.space):
        inside = [t for t in snapshot.trials if contains(t.configuration)]
        settled = [t for t in inside if t.state is RunState.FAILED or t.number in place]
        if len(settled) < _FEWEST_IN_REGION or len(settled) == len(snapshot.trials):
            continue
        failed = sum(trial.state is RunState.FAILED for trial in settled)
        places = sorted(place[trial.number] for trial in settled if trial.number in place)
        middle = places[len(places) // 2] if places else None
        region = Region(
            parameter=name, words=words, n_trials=len(settled), n_failed=failed, middle=middle
        )
        share = failed / len(settled)
        if share >= max(0.5, 1.5 * usual):
            found.append((1.0 + share, region))
        elif middle is not None and len(places) >= _FEWEST_IN_REGION:
            # Were all that is in it worse than all that is not, the middle would be there.
            worst = 1.0 - len(places) / len(order) / 2
            if middle >= max(_LEAST_MIDDLE, _NEARLY * worst):
                found.append((middle, region))
    found.sort(key=lambda one: -one[0])
    return [region for _, region in found[:_MOST_REGIONS]]


def _parts(
    space: SearchSpace,
) -> Iterator[tuple[str, str, Callable[[Configuration], bool]]]:
    """Parts of each parameter: its name, in words, and whether a configuration is in it."""
    for name, parameter in space.parameters.items():
        match parameter:
            case Categorical() | Ordinal():
                for choice in parameter.choices:
                    yield name, f"{name} = {choice}", _is_choice(name, choice)
            case Float() | Int() if parameter.count() != 1:
                bounds = [parameter.from_unit(quarter / 4) for quarter in range(5)]
                for quarter in range(4):
                    low, high = bounds[quarter], bounds[quarter + 1]
                    words = f"{name} from {low:.4g} to {high:.4g}"
                    if quarter == 0:
                        words = f"{name} below {high:.4g}"
                    elif quarter == 3:
                        words = f"{name} above {low:.4g}"
                    yield name, words, _is_within(name, parameter, quarter)
            case _:  # it does not vary
                continue


def _is_choice(name: str, choice: object) -> Callable[[Configuration], bool]:
    return lambda given: type(given.get(name)) is type(choice) and given.get(name) == choice


def _is_within(name: str, parameter: Float | Int, quarter: int) -> Callable[[Configuration], bool]:
    def contains(given: Configuration) -> bool:
        if name not in given:
            return False
        return min(3, int(parameter.to_unit(given[name]) * 4)) == quarter

    return contains
