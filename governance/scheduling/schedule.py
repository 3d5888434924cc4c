"""One pass over the whole queue. Pure: what it decides hangs on its arguments, not on their order."""

import datetime as dt
import gc
import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter

from governance.budgets.budget import BudgetBook, BudgetState
from governance.quotas.quota import Amounts, Quotas
from governance.scheduling.backfill import Reservation, reserve
from governance.scheduling.bunches import Bunch, age, make_bunches, spender_of
from governance.scheduling.dimensions import Dimensions, Needs
from governance.scheduling.estimates import estimate_starts
from governance.scheduling.fair_share import FairShare, whose
from governance.scheduling.order import line_up
from governance.scheduling.queue import (
    HOPELESS,
    Live,
    Schedule,
    Usage,
    Wait,
    Waiting,
    WaitKind,
    Whose,
)
from governance.scheduling.releases import Releases
from governance.scheduling.room import Rooms, Scope
from governance.scheduling.turns import Turns

_OVERDUE_SHARE = 0.1  # of what it was expected to take, that a late trial gets on top
_LEAST_OVERDUE_SECONDS = 60.0

#: Nobody's end lets these start, so that they have no place among the others.
_ASIDE = HOPELESS | {WaitKind.BUDGET}


def schedule(
    queue: Sequence[Waiting],
    running: Sequence[Live],
    capacity: Amounts,
    quotas: Quotas,
    budgets: Sequence[BudgetState],
    usage: Mapping[Whose, Usage],
    now: dt.datetime,
) -> Schedule:
    """Who of the queue may start now, and why, for how long and behind how many the others wait.

    Classes of priority go one after another, the higher one first. Within a class whoever has the
    least share is next: tenants, their users, their experiments; then who came first. A trial that
    a bound of its own tenant or class stops is passed over. The first one that stops for want of
    capacity is waited for: others start only if they do not delay it. Everything is taken by
    itself, so that the one bound that a trial waits for is known.

    Args:
        running: All that was admitted and has not ended.
        budgets: See `governance.budgets.budget`; what `running` has reserved is subtracted here.
        usage: What everybody has used before, decayed up to `now`.
    """
    with _without_collector():
        return _decide(_Pass(queue, running, capacity, quotas, budgets, usage, now))


def _decide(one_pass: "_Pass") -> Schedule:
    try:
        one_pass.admit()
        return one_pass.result()
    finally:
        one_pass.close()


@contextmanager
def _without_collector() -> Generator[None, None, None]:
    """A pass makes so many small things that looking for cycles takes a quarter of it.

    They are gone before the collector looks again, or it would look at all of them at once.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Pass:
    """What is known while a pass goes on."""

    def __init__(
        self,
        queue: Sequence[Waiting],
        running: Sequence[Live],
        capacity: Amounts,
        quotas: Quotas,
        budgets: Sequence[BudgetState],
        usage: Mapping[Whose, Usage],
        now: dt.datetime,
    ) -> None:
        self._now = now.timestamp()
        self._quotas = quotas
        asked = {trial.demand.gpu_type for trials in (queue, running) for trial in trials}
        dimensions = Dimensions(quotas, capacity, sorted(asked))
        self._rooms = Rooms(dimensions, quotas)
        self._bunches = make_bunches(
            queue, dimensions=dimensions, rooms=self._rooms, quotas=quotas, now=now
        )
        self._shares = FairShare(
            dimensions,
            quotas,
            usage=usage,
            everybody=[
                *((dimensions.needs(trial.demand), 1) for trial in running),
                *((bunch.needs, len(bunch.trials)) for bunch in self._bunches),
            ],
        )
        self._book = BudgetBook(budgets) if budgets else None
        self._admitted: list[Waiting] = []
        self._first: Reservation | None = None  # of everybody
        self._first_of: dict[Scope, Reservation] = {}  # of those in a narrow scope
        self._releases: dict[Scope, Releases] = {}
        for trial in running:
            self._count_in(trial, dimensions.needs(trial.demand))

    def _count_in(self, trial: Live, needs: Needs) -> None:
        self._rooms.hold(needs, self._rooms.of(trial).all, until=self._end(trial))
        self._shares.enter(whose(trial))
        self._shares.add(whose(trial), needs)
        if self._book is not None:
            spender = spender_of(trial)
            self._book.reserve(spender, usd=trial.usd, gpu_hours=trial.gpu_hours)

    def _end(self, trial: Live) -> float:
        """When it is expected to end; who is late gets a little more time again and again."""
        if trial.seconds is None:
            return math.inf
        expected = trial.began_at.timestamp() + trial.seconds
        if expected > self._now:
            return expected
        return self._now + max(trial.seconds * _OVERDUE_SHARE, _LEAST_OVERDUE_SECONDS)

    def close(self) -> None:
        """Let go of what refers to each other, so that it needs no collector."""
        self._rooms.close()

    # Who may start

    def admit(self) -> None:
        """Give everybody a turn."""
        able: list[Bunch] = []
        for bunch in self._bunches:
            bunch.why = self._never(bunch)
            if bunch.why is None:
                able.append(bunch)
        able.sort(key=attrgetter("level"), reverse=True)  # stable: bunches go by age
        for _, level in groupby(able, key=attrgetter("level")):
            turns = Turns(level, self._shares)
            while turns:
                bunch = turns.first
                bunch.why = self._why_not(bunch)
                if bunch.why is None:
                    self._start(bunch)
                turns.move_on(drops=bunch.why is not None)

    def _never(self, bunch: Bunch) -> tuple[WaitKind, str] | None:
        tenant, owner, _ = bunch.whose
        if not bunch.first.is_admitted_elsewhere:
            refusal = bunch.of_class.refusal(tenant=tenant, user=owner)
            if refusal is not None:
                return WaitKind.REFUSED, refusal
        refused = bunch.scopes.refuses(bunch.needs)
        if refused is not None:
            words = self._rooms.words(*refused, is_forever=True)
            return WaitKind.NEVER, f"asks for more than it can ever have: {words}"
        return None

    def _why_not(self, bunch: Bunch) -> tuple[WaitKind, str] | None:
        """What the first trial of a bunch waits for; None: it may start."""
        needs = bunch.needs
        # First: who is not paid for keeps no room.
        if self._book is not None:
            refusal = self._book.refusal(bunch.spender, usd=bunch.usd, gpu_hours=bunch.gpu_hours)
            if refusal is not None:
                return WaitKind.BUDGET, refusal
        for scope in bunch.scopes.narrow:
            index = scope.lacks(needs)
            if index is not None:
                if scope not in self._first_of:
                    self._first_of[scope] = reserve(bunch, (scope,))
                return scope.kind, self._rooms.words(scope, index)
        for scope in bunch.scopes.wide:
            index = scope.lacks(needs)
            if index is not None:
                if self._first is None:
                    self._first = reserve(bunch, bunch.scopes.all)
                return scope.kind, self._rooms.words(scope, index)
        return self._whom_it_delays(bunch)

    def _whom_it_delays(self, bunch: Bunch) -> tuple[WaitKind, str] | None:
        until = self._until(bunch)
        for first in self._reservations(bunch):
            backfills = self._quotas.backfills and (
                until <= first.starts_at < math.inf
                or (
                    first.allows(bunch.needs, bunch.scopes.all)
                    and first.allows_beyond(bunch.needs, bunch.scopes.all, self._releases_of)
                )
            )
            if not backfills:
                is_own = first.tenant == bunch.first.tenant
                who = first.attempt_id if is_own else "a trial of another tenant"
                return WaitKind.TURN, f"{who} is first, and would start later"
        return None

    def _releases_of(self, scope: Scope) -> Releases:
        if scope not in self._releases:
            self._releases[scope] = Releases(scope)
        return self._releases[scope]

    def _reservations(self, bunch: Bunch) -> list[Reservation]:
        """Those whom it must not delay."""
        first_of = self._first_of
        found = [first_of[scope] for scope in bunch.scopes.narrow if scope in first_of]
        if self._first is not None and bunch.scopes.wide:
            found.append(self._first)
        return found

    def _until(self, bunch: Bunch) -> float:
        return math.inf if bunch.seconds is None else self._now + bunch.seconds

    def _start(self, bunch: Bunch) -> None:
        until = self._until(bunch)
        for first in self._reservations(bunch):
            first.give(bunch.needs, bunch.scopes.all, until=until)
        self._rooms.hold(bunch.needs, bunch.scopes.all, until=until)
        self._shares.add(bunch.whose, bunch.needs)
        if self._book is not None:
            self._book.reserve(bunch.spender, usd=bunch.usd, gpu_hours=bunch.gpu_hours)
        self._admitted.append(bunch.first)
        bunch.n_admitted += 1

    # What the others wait for

    def result(self) -> Schedule:
        """Everything decided."""
        in_line: list[Bunch] = []
        aside: list[tuple[Waiting, tuple[WaitKind, str]]] = []
        for bunch in self._bunches:
            if bunch.why is None:
                continue  # all of it was admitted
            if bunch.why[0] in _ASIDE:
                aside += [(trial, bunch.why) for trial in bunch.rest]
            else:
                in_line.append(bunch)
        line = line_up(in_line, self._shares)
        starts = estimate_starts(line, now=self._now)
        waiting: list[Wait] = []
        times: dict[float, dt.datetime | None] = {}
        reasons = [bunch.why for bunch in line.bunches]
        rows: list[int] = line.bunch_of.tolist()
        seconds: list[float] = starts.tolist()
        for trial, row, at in zip(line.trials, rows, seconds, strict=True):
            why = reasons[row]
            assert why is not None  # or it would not be in the line
            if at not in times:
                times[at] = None if at == math.inf else dt.datetime.fromtimestamp(at, dt.UTC)
            waiting.append(Wait(trial.attempt_id, why[0], why[1], len(waiting) + 1, times[at]))
        for trial, why in sorted(aside, key=lambda pair: age(pair[0])):
            waiting.append(Wait(trial.attempt_id, why[0], why[1], len(waiting) + 1))
        return Schedule(
            admitted=tuple(trial.attempt_id for trial in self._admitted),
            waiting=tuple(waiting),
            shares=self._shares.shares(),
        )
