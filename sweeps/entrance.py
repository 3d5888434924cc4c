"""Which attempts of a sweep may be launched: asks the desk, and remembers whom it let in."""

import datetime as dt
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from sweeps.errors import HeldBack, NoCapacity
from sweeps.ids import AttemptId, SweepId
from sweeps.ports import AdmissionDesk
from sweeps.specs import SweepSpec
from sweeps.trials import Attempt

_ENTERING = "waits to be admitted"


class Entrance:
    """Between a controller and the desk; without a desk everybody may start.

    Not kept: a new controller asks anew, and whoever was admitted stays so. One whose controller was
    silent for long may have lost its place, so the desk has the last word at every launch.
    """

    def __init__(self, desk: AdmissionDesk | None) -> None:
        self._desk = desk
        self._admitted: set[AttemptId] = set()
        self._withdrawn: frozenset[AttemptId] = frozenset()
        self._gave_way: frozenset[AttemptId] = frozenset()
        self._held_back: tuple[str, dt.datetime] | None = None  # what by, and until when at least
        #: Attempts that asked last for what they can never have, as policies are, and why; None:
        #: nobody has asked yet.
        self.hopeless: Mapping[AttemptId, str] | None = None

    def admit(
        self,
        sweep_id: SweepId,
        spec: SweepSpec,
        attempts: Sequence[Attempt],
        *,
        now: dt.datetime,
    ) -> tuple[list[Attempt], dict[AttemptId, str]]:
        """Those that may be launched, and what each of the others waits for.

        Raises:
            StorageUnavailable: Nobody can tell.
        """
        if self._held_back is not None and now < self._held_back[1]:
            self._give_way(attempts, reason=self._held_back[0])
            return [], {attempt.attempt_id: self._held_back[0] for attempt in attempts}
        self._held_back = None
        if self._desk is None or not attempts:
            self._admitted.clear()
            self.hopeless = {}
            return list(attempts), {}
        self._withdrawn = self._gave_way = frozenset()
        names = [attempt.attempt_id for attempt in attempts]
        self._admitted.intersection_update(names)
        unknown = [name for name in names if name not in self._admitted]
        waiting: dict[AttemptId, str] = {}
        hopeless: dict[AttemptId, str] = {}
        if unknown:
            answers = self._desk.ask(sweep_id, spec, unknown)
            for name in unknown:
                answer = answers.get(name)
                if answer is not None and answer.is_admitted:
                    self._admitted.add(name)
                else:
                    reason = "" if answer is None else answer.reason
                    waiting[name] = reason or _ENTERING
                    if answer is not None and answer.is_hopeless:
                        hopeless[name] = reason
        self.hopeless = hopeless
        return [one for one in attempts if one.attempt_id in self._admitted], waiting

    def hold_back(
        self, attempts: Sequence[Attempt], held_back: HeldBack, *, now: dt.datetime
    ) -> Mapping[AttemptId, str]:
        """What attempts wait for, for long perhaps: what they hold goes to others, and none is asked for.

        Once they ask again they have been in the queue all the while.

        Raises:
            StorageUnavailable: Nothing was given back.
        """
        seconds = dt.timedelta(seconds=held_back.retry_after_seconds)
        self._held_back = (str(held_back), now + seconds)
        self._give_way(attempts, reason=str(held_back))
        return {attempt.attempt_id: str(held_back) for attempt in attempts}

    @contextmanager
    def launching(self, sweep_id: SweepId, attempt_id: AttemptId) -> Generator[None]:
        """Around the launch of an attempt that was admitted; from several threads at once.

        Raises:
            NoCapacity: Its admission was taken back meanwhile; it asks again.
            StorageUnavailable: Nobody can tell.
        """
        if self._desk is None:
            yield
            return
        if not self._desk.begin_launch(sweep_id, attempt_id):
            self._admitted.discard(attempt_id)
            raise NoCapacity(f"{attempt_id} is not admitted any more")
        try:
            yield
        except NoCapacity:
            self._desk.found_no_place(attempt_id)
            raise

    def withdraw(self, attempts: Sequence[Attempt]) -> None:
        """Attempts of a paused sweep give back what they hold, once. `StorageUnavailable`."""
        names = frozenset(attempt.attempt_id for attempt in attempts)
        if self._desk is None or not names or names == self._withdrawn:
            return
        self._desk.withdraw(names)
        self._admitted -= names
        self._withdrawn = names

    def _give_way(self, attempts: Sequence[Attempt], *, reason: str) -> None:
        names = frozenset(attempt.attempt_id for attempt in attempts)
        if self._desk is None or not names or names == self._gave_way:
            return
        self._desk.give_way(names, reason=reason)
        self._admitted -= names
        self._gave_way = names

    def forget(self) -> None:
        """The rows may say something else by now."""
        self._admitted.clear()
        self._withdrawn = self._gave_way = frozenset()
        self._held_back = None
        self.hopeless = None
