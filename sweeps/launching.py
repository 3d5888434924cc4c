"""Attempts given to a launcher: in their order, a few at a time where that is worth it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from sweeps.errors import HeldBack, LaunchRejected, NoCapacity, TransientError
from sweeps.ids import AttemptId
from sweeps.trials import Attempt


@dataclass(slots=True)
class Launched:
    """What became of attempts that were to be launched."""

    started: list[AttemptId] = field(default_factory=list[AttemptId])
    rejected: dict[AttemptId, str] = field(default_factory=dict[AttemptId, str])
    waiting: list[AttemptId] = field(default_factory=list[AttemptId])  #: for a place
    held_back: HeldBack | None = None  #: what they wait for, where that is no slot
    failure: TransientError | None = None  #: what others could not be launched for

    def is_over(self, attempt_id: AttemptId) -> bool:
        """Whether the attempt was launched, or never will be."""
        return attempt_id in self.started or attempt_id in self.rejected


def launch_all(
    launch: Callable[[Attempt], None], attempts: Sequence[Attempt], *, at_once: int
) -> Launched:
    """Launch them, until one finds no place or the launcher does not answer.

    The others ask for the same then: to ask for each would cost waiting times live ones. So the
    first is launched alone, then two side by side, four, and so on: where there is no place at all
    only one is asked for.

    Args:
        launch: Raises as `TrialLauncher.launch` does; with more `at_once`, from several threads.
        at_once: The most side by side.
    """
    found = Launched()
    if at_once == 1 or len(attempts) <= 1:
        for place, attempt in enumerate(attempts):
            if not _sort(found, attempt, _try(launch, attempt)):
                found.waiting += [other.attempt_id for other in attempts[place + 1 :]]
                break
        return found
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="launch") as pool:
        size, begun = 1, 0
        while begun < len(attempts):
            batch = attempts[begun : begun + size]
            begun += len(batch)
            outcomes = list(pool.map(partial(_try, launch), batch))
            goes_on = [_sort(found, *pair) for pair in zip(batch, outcomes, strict=True)]
            if not all(goes_on):
                break
            size = min(2 * size, at_once)
        found.waiting += [other.attempt_id for other in attempts[begun:]]
    return found


def _try(launch: Callable[[Attempt], None], attempt: Attempt) -> Exception | None:
    try:
        launch(attempt)
    except (NoCapacity, LaunchRejected, TransientError) as exc:
        return exc
    return None


def _sort(found: Launched, attempt: Attempt, outcome: Exception | None) -> bool:
    """Note it; whether others may be launched after it."""
    match outcome:
        case None:
            found.started.append(attempt.attempt_id)
        case LaunchRejected():
            found.rejected[attempt.attempt_id] = str(outcome)
        case NoCapacity():
            found.waiting.append(attempt.attempt_id)
            if isinstance(outcome, HeldBack):
                found.held_back = outcome
            return False
        case TransientError():
            found.failure = found.failure or outcome
            return False
        case _:
            raise outcome
    return True
