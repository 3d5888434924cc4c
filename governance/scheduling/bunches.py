"""Trials that are alike in everything that the scheduler asks: decided about once, admitted one by one."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

from governance.budgets.budget import Spender
from governance.quotas.quota import PriorityClass, Quotas
from governance.scheduling.dimensions import Dimensions, Needs
from governance.scheduling.fair_share import whose
from governance.scheduling.queue import Waiting, WaitKind, Whose
from governance.scheduling.room import Rooms, ScopesOf


@dataclass(slots=True, eq=False)
class Bunch:
    """Alike trials of one sweep, oldest first."""

    level: int  #: that they are treated with: the value of their class, or of a higher one
    of_class: PriorityClass
    whose: Whose
    needs: Needs
    seconds: float | None
    usd: Decimal | None
    gpu_hours: float | None
    spender: Spender
    scopes: ScopesOf
    trials: list[Waiting]
    n_admitted: int = 0
    why: tuple[WaitKind, str] | None = None  #: what those wait for that are not admitted

    @property
    def first(self) -> Waiting:
        """The one that is next."""
        return self.trials[self.n_admitted]

    @property
    def rest(self) -> list[Waiting]:
        """Those that were not admitted."""
        return self.trials[self.n_admitted :]


def make_bunches(
    queue: Iterable[Waiting],
    *,
    dimensions: Dimensions,
    rooms: Rooms,
    quotas: Quotas,
    now: dt.datetime,
) -> list[Bunch]:
    """The queue in bunches by the age of their first trials, however the queue was ordered."""
    levels = _Levels(quotas, now)
    bunches: dict[tuple[object, ...], Bunch] = {}
    for trial in sorted(queue, key=age):
        level = levels.of(trial)
        key = (
            level, trial.sweep_id, trial.priority, trial.demand, trial.seconds, trial.usd,
            trial.gpu_hours, trial.tenant, trial.owner, trial.experiment,
            trial.is_admitted_elsewhere,
        )  # fmt: skip
        bunch = bunches.get(key)
        if bunch is None:
            bunches[key] = Bunch(
                level=level,
                of_class=quotas.of_class(trial.priority),
                whose=whose(trial),
                needs=dimensions.needs(trial.demand),
                seconds=trial.seconds,
                usd=trial.usd,
                gpu_hours=trial.gpu_hours,
                spender=spender_of(trial),
                scopes=rooms.of(trial),
                trials=[trial],
            )
        else:
            bunch.trials.append(trial)
    return list(bunches.values())


def spender_of(trial: Waiting) -> Spender:
    """Who pays for a trial."""
    return Spender(trial.tenant, trial.experiment, trial.sweep_id, trial.owner)


#: When a trial came, and its name: who came first has less.
age: Callable[[Waiting], tuple[dt.datetime, str]] = attrgetter("queued_at", "attempt_id")


class _Levels:
    """Levels of trials: those that have waited for long are raised, so that nobody waits for ever."""

    def __init__(self, quotas: Quotas, now: dt.datetime) -> None:
        self._quotas = quotas
        self._now = now
        values = sorted({one.value for one in quotas.classes.values()})
        self._above: Mapping[int, list[int]] = {
            value: [other for other in values if other > value] for value in values
        }
        self._known: dict[str | None, tuple[int, dt.timedelta | None, list[int]]] = {}

    def of(self, trial: Waiting) -> int:
        known = self._known.get(trial.priority)
        if known is None:
            of_class = self._quotas.of_class(trial.priority)
            above = self._above[of_class.value]
            rise = of_class.raised_after if above else None
            known = self._known[trial.priority] = (of_class.value, rise, above)
        value, rise, above = known
        if rise is None:
            return value
        steps = min((self._now - trial.queued_at) // rise, len(above))
        return above[steps - 1] if steps > 0 else value
