"""Trials that follow learning curves in simulated time."""

import datetime as dt
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from sweeps.clock import Clock
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.simulation.curves import Curves
from sweeps.simulation.memory_store import MemoryTrialStore
from sweeps.spaces import Configuration
from sweeps.states import Decision, ExitReason
from sweeps.trials import Exit, LaunchRequest

Fails = Callable[[AttemptId, int], ExitReason | None]  #: of an attempt, at a resource level


def nobody_fails(attempt_id: AttemptId, level: int) -> None:
    """Every attempt trains until the search ends it, or it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A report of a simulated trial, or its death on the way to one."""

    run_id: RunId
    at: dt.datetime
    level: int  #: reached by now
    value: float | None  #: None: it died before it could report
    resource: int  #: levels trained since the last report of this attempt, or its start
    seconds: float  #: that took


@dataclass(slots=True)
class _Process:
    """An attempt that is alive."""

    run_id: RunId
    configuration: Configuration
    levels: list[int]  # still to be reported, ascending
    level: int  # reached
    seconds: float  # of the curve, up to that level
    began_at: dt.datetime  # to train beyond it
    timeout: dt.datetime | None  # when it has taken too long
    doom: ExitReason | None = None  # how it dies before its next report


class SimulatedLauncher:
    """A `TrialLauncher`: attempts report at rungs and at the end, and obey the search at once.

    Whoever drives the simulation calls `deliver` when the clock has moved, and `obey` after each
    tick of the controller.
    """

    def __init__(
        self,
        clock: Clock,
        store: MemoryTrialStore,
        curves: Curves,
        *,
        levels: tuple[int, ...],
        resume_from_checkpoint: bool = True,
        on_progress: Callable[[Progress], None] = lambda _: None,
        fails: Fails = nobody_fails,
    ) -> None:
        """Attempts report at `levels`, besides where the search compares them.

        Args:
            resume_from_checkpoint: Whether a promoted attempt goes on where the last one ended,
                or trains anew.
            fails: How an attempt dies just before it reports a level, None where it does not.
        """
        self._clock = clock
        self._store = store
        self._curves = curves
        self._levels = levels
        self._resumes = resume_from_checkpoint
        self._on_progress = on_progress
        self._fails = fails
        self._live: dict[AttemptId, _Process] = {}
        self._status: dict[AttemptId, AttemptStatus] = {}
        self._forbidden: set[AttemptId] = set()  # stopped before they were launched
        self._reached: dict[RunId, int] = {}
        self._events: list[tuple[dt.datetime, int, AttemptId]] = []
        self._order = itertools.count()
        self._waiting: list[AttemptId] = []

    # The port

    launches_at_once = 1

    def launch(self, request: LaunchRequest) -> None:
        """Begin to train."""
        if request.attempt_id in self._status or request.attempt_id in self._forbidden:
            return
        known = request.environment
        rungs = [int(rung) for rung in known["SWEEPWORKS_RUNGS"].split(",") if rung]
        last = int(known.get("SWEEPWORKS_MAX_RESOURCE", "0")) or self._levels[-1]
        start = self._reached.get(request.run_id, 0) if self._resumes else 0
        levels = sorted({*rungs, *(level for level in self._levels if level < last), last})
        process = _Process(
            run_id=request.run_id,
            configuration=json.loads(known["SWEEPWORKS_PARAMS"]),
            levels=[level for level in levels if level > start],
            level=start,
            seconds=0.0,
            began_at=self._clock.now(),
            timeout=None if request.timeout is None else self._clock.now() + request.timeout,
        )
        if start:
            process.seconds = self._curves(process.configuration, start).seconds
        self._live[request.attempt_id] = process
        self._status[request.attempt_id] = AttemptStatus(
            attempt_id=request.attempt_id,
            phase=AttemptPhase.RUNNING,
            started_at=self._clock.now(),
            node="simulated",
        )
        self._go_on(request.attempt_id, process)

    def poll(
        self,
        sweep_id: SweepId,  # noqa: ARG002 - one sweep a simulation
        attempt_ids: Iterable[AttemptId],
    ) -> Mapping[AttemptId, AttemptStatus]:
        """Where everybody is now."""
        return {name: self._status[name] for name in attempt_ids if name in self._status}

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        """End an attempt at once; one that was not launched will not be."""
        if attempt_id not in self._status:
            self._forbidden.add(attempt_id)
        process = self._live.get(attempt_id)
        if process is not None:
            if process.levels:
                self._lose(process)
            self._end(attempt_id, Exit(reason=reason))

    def reap(self, sweep_id: SweepId) -> int:  # noqa: ARG002 - one sweep a simulation
        """End everything."""
        alive = list(self._live)
        for attempt_id in alive:
            self.stop(attempt_id, reason=ExitReason.CANCELLED)
        return len(alive)

    # Simulated time

    @property
    def n_live(self) -> int:
        """How many attempts train now."""
        return len(self._live)

    def next_event(self) -> dt.datetime | None:
        """When something happens next, if ever."""
        while self._events and self._events[0][2] not in self._live:
            heappop(self._events)
        return self._events[0][0] if self._events else None

    def deliver(self) -> None:
        """Report what has been reached by now."""
        now = self._clock.now()
        while (due := self.next_event()) is not None and due <= now:
            attempt_id = heappop(self._events)[2]
            self._report(attempt_id, self._live[attempt_id], due)

    def obey(self) -> bool:
        """Attempts that have reported go on, or end as the search wants; True when any was."""
        waiting, self._waiting = self._waiting, []
        for attempt_id in waiting:
            process = self._live.get(attempt_id)
            if process is None:
                continue
            if self._store.control(process.run_id) is Decision.CONTINUE and process.levels:
                self._go_on(attempt_id, process)
            else:  # told to end, and did so by itself; or there was no more to do
                self._end(attempt_id, Exit(reason=ExitReason.COMPLETED, code=0))
        return bool(waiting)

    def _go_on(self, attempt_id: AttemptId, process: _Process) -> None:
        if not process.levels:  # everything had been trained before
            self._end(attempt_id, Exit(reason=ExitReason.COMPLETED, code=0))
            return
        outcome = self._curves(process.configuration, process.levels[0])
        took = max(outcome.seconds - process.seconds, 0.0)
        at = self._clock.now() + dt.timedelta(seconds=took)
        process.doom = self._fails(attempt_id, process.levels[0])
        if process.timeout is not None and at > process.timeout:
            at, process.doom = process.timeout, ExitReason.TIMED_OUT
        heappush(self._events, (at, next(self._order), attempt_id))

    def _report(self, attempt_id: AttemptId, process: _Process, at: dt.datetime) -> None:
        if process.doom is not None:
            self._lose(process)
            code = 1 if process.doom is ExitReason.SCRIPT_FAILED else None
            self._end(attempt_id, Exit(reason=process.doom, code=code))
            return
        level = process.levels.pop(0)
        outcome = self._curves(process.configuration, level)
        progress = Progress(
            run_id=process.run_id,
            at=at,
            level=level,
            value=outcome.value,
            resource=level - process.level,
            seconds=max(outcome.seconds - process.seconds, 0.0),
        )
        process.level, process.seconds, process.began_at = level, outcome.seconds, at
        self._reached[process.run_id] = max(level, self._reached.get(process.run_id, 0))
        self._store.report(process.run_id, level, outcome.value, reported_at=at)
        self._waiting.append(attempt_id)
        self._on_progress(progress)

    def _lose(self, process: _Process) -> None:
        """Note what was trained since the last report, and is lost now."""
        level = process.levels[0]
        took = max(self._curves(process.configuration, level).seconds - process.seconds, 0.0)
        seconds = min((self._clock.now() - process.began_at).total_seconds(), took)
        share = seconds / took if took else 0.0
        progress = Progress(
            run_id=process.run_id,
            at=self._clock.now(),
            level=process.level,
            value=None,
            resource=int(share * (level - process.level)),
            seconds=seconds,
        )
        self._on_progress(progress)

    def _end(self, attempt_id: AttemptId, ended: Exit) -> None:
        del self._live[attempt_id]
        self._status[attempt_id] = replace(
            self._status[attempt_id],
            phase=AttemptPhase.EXITED,
            ended_at=self._clock.now(),
            exit=ended,
        )
