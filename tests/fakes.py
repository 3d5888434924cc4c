"""The ports in memory and in simulated time; `tests/contracts` holds them to what adapters promise."""

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from sweeps.errors import (
    HeldBack,
    LaunchRejected,
    NoCapacity,
)
from sweeps.ids import AttemptId, RunId, SweepId, TenantId
from sweeps.journal import Measurement
from sweeps.ports import AttemptPhase, AttemptStatus
from sweeps.searchers.random_search import RandomSearch
from sweeps.simulation.memory_store import MemoryTrialStore
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.states import Decision, ExitReason
from sweeps.strategies import Strategy
from sweeps.trials import (
    Exit,
    LaunchRequest,
)
from tests.factories import START, seconds


class FakeClock:
    """Time that passes when a test says so."""

    def __init__(self, now: dt.datetime = START) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        return self._now

    def advance(self, by_seconds: float) -> None:
        self._now += seconds(by_seconds)


# The store


class FakeTrialStore(MemoryTrialStore):
    """A `TrialStore` in memory, and what people and gateways do to one."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        super().__init__(clock or FakeClock())


# The launcher


_GOOD_EXIT = Exit(reason=ExitReason.COMPLETED, code=0)


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What a simulated training script does."""

    duration: float = 3.0  #: seconds until it ends by itself
    reports: tuple[tuple[float, int, float], ...] = ()  #: seconds after start, level, value
    exit: Exit = _GOOD_EXIT
    prints_every: float | None = 1.0  #: seconds between lines of output; None: silent
    rejected: str = ""  #: why it cannot be launched at all
    pending: float = 0.0  #: seconds between acceptance and start
    stderr: str = ""  #: what a launcher finds in its log when it was stopped
    capacity: str = ""  #: of its node
    ignores_stop: float = 0.0  #: seconds it takes to end after it was asked to


@dataclass(kw_only=True)
class _Process:
    behaviour: Behaviour
    run_id: RunId
    sweep_id: SweepId
    started_at: dt.datetime
    ends_at: dt.datetime
    exit: Exit
    reported: int = 0
    is_stopping: bool = False


Script = Callable[[Configuration, int], Behaviour]  #: of the configuration and attempt's number
Deliver = Callable[[RunId, int, float, dt.datetime], None]


class FakeLauncher:
    """A `TrialLauncher` whose processes live in simulated time."""

    def __init__(
        self, clock: FakeClock, *, script: Script, deliver: Deliver, capacity: int = 1_000_000
    ) -> None:
        self._clock = clock
        self._script = script
        self._deliver = deliver
        self.capacity = capacity
        self.holds_back = ""  #: why nothing is launched, though there are slots
        self.launched: list[AttemptId] = []  #: those that really started, in order
        self.stopped: list[tuple[AttemptId, ExitReason]] = []
        self.requests: dict[AttemptId, LaunchRequest] = {}
        self.most_alive = 0
        self._processes: dict[AttemptId, _Process] = {}
        self._forbidden: set[AttemptId] = set()  # stopped before they were launched
        self._reaped: set[SweepId] = set()

    # The port

    launches_at_once = 1

    def launch(self, request: LaunchRequest) -> None:
        if request.attempt_id in self._processes or request.attempt_id in self._forbidden:
            return
        if request.sweep_id in self._reaped:
            return
        number = int(request.attempt_id.rsplit("-a", 1)[1])
        behaviour = self._script(json.loads(request.environment["SWEEPWORKS_PARAMS"]), number)
        if behaviour.rejected:
            raise LaunchRejected(behaviour.rejected)
        if self.holds_back:
            raise HeldBack(self.holds_back, retry_after_seconds=30)
        if self.n_alive >= self.capacity:
            raise NoCapacity("every slot is taken")
        started_at = self._clock.now() + seconds(behaviour.pending)
        self.launched.append(request.attempt_id)
        self.requests[request.attempt_id] = request
        self._processes[request.attempt_id] = _Process(
            behaviour=behaviour,
            run_id=request.run_id,
            sweep_id=request.sweep_id,
            started_at=started_at,
            ends_at=started_at + seconds(behaviour.duration),
            exit=behaviour.exit,
        )
        self.most_alive = max(self.most_alive, self.n_alive)

    def poll(
        self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]
    ) -> Mapping[AttemptId, AttemptStatus]:
        self.deliver_reports()
        return {
            attempt_id: self._status(attempt_id, process)
            for attempt_id in attempt_ids
            if (process := self._processes.get(attempt_id)) and process.sweep_id == sweep_id
        }

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        self.stopped.append((attempt_id, reason))
        process = self._processes.get(attempt_id)
        if process is None:
            self._forbidden.add(attempt_id)
        if process is None or process.is_stopping or process.ends_at <= self._clock.now():
            return
        process.is_stopping = True
        self._end(process, Exit(reason=reason, signal=15, message=process.behaviour.stderr))
        process.ends_at += seconds(process.behaviour.ignores_stop)

    def reap(self, sweep_id: SweepId) -> int:
        self._reaped.add(sweep_id)
        alive = [p for p in self._alive() if p.sweep_id == sweep_id]
        for process in alive:
            self._end(process, Exit(reason=ExitReason.CANCELLED))
        return len(alive)

    # What happens to machines

    def kill(self, attempt_id: AttemptId) -> None:
        """A signal that nobody of ours sent."""
        self._end(self._processes[attempt_id], Exit(reason=ExitReason.KILLED, signal=9))

    def lose(self, attempt_id: AttemptId) -> None:
        """The process is gone without a trace."""
        del self._processes[attempt_id]

    def deliver_reports(self) -> None:
        """Whatever scripts have reported by now reaches the store."""
        now = self._clock.now()
        due: list[tuple[dt.datetime, RunId, int, float]] = []
        for process in self._processes.values():
            for after, level, value in process.behaviour.reports[process.reported :]:
                moment = process.started_at + seconds(after)
                if moment > min(now, process.ends_at):
                    break
                process.reported += 1
                due.append((moment, process.run_id, level, value))
        for moment, run_id, level, value in sorted(due, key=lambda report: report[:3]):
            self._deliver(run_id, level, value, moment)

    @property
    def n_alive(self) -> int:
        """How many processes there are now."""
        return len(self._alive())

    def _alive(self) -> list[_Process]:
        now = self._clock.now()
        return [process for process in self._processes.values() if process.ends_at > now]

    def _end(self, process: _Process, ended: Exit) -> None:
        process.ends_at = self._clock.now()
        process.exit = ended

    def _status(self, attempt_id: AttemptId, process: _Process) -> AttemptStatus:
        now = self._clock.now()
        if process.ends_at <= now:
            return AttemptStatus(
                attempt_id=attempt_id,
                phase=AttemptPhase.EXITED,
                started_at=process.started_at,
                ended_at=process.ends_at,
                exit=process.exit,
                node="here",
                capacity=process.behaviour.capacity,
            )
        if process.started_at > now:
            return AttemptStatus(attempt_id=attempt_id, phase=AttemptPhase.PENDING)
        every = process.behaviour.prints_every
        return AttemptStatus(
            attempt_id=attempt_id,
            phase=AttemptPhase.RUNNING,
            started_at=process.started_at,
            last_output_at=now - (now - process.started_at) % seconds(every) if every else None,
            node="here",
            capacity=process.behaviour.capacity,
        )


class FakeCourier:
    """A `Courier` of scripts whose `unheard` words a test holds back."""

    def __init__(self) -> None:
        self.unheard: set[AttemptId] = set()

    def unsent(
        self, tenant_id: TenantId, attempt_ids: Collection[AttemptId]
    ) -> Collection[AttemptId]:
        return self.unheard & set(attempt_ids)


class FakeCredentials:
    """A `Credentials` that opens nothing."""

    def for_attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Mapping[str, str]:
        return {
            "SWEEPWORKS_GATEWAY_URL": "http://127.0.0.1:1",
            "SWEEPWORKS_RUN_TOKEN": f"{tenant_id}:{attempt_id}",
        }


class ScriptedScheduler:
    """A `TrialScheduler` with a decision for some levels; every report is a rung of its own."""

    def __init__(
        self, decisions: Mapping[int, Decision], *, max_resource: int | None = None
    ) -> None:
        self._decisions = decisions
        self._max_resource = max_resource
        self.seen: list[Measurement] = []
        self.promoted: list[int] = []
        self.to_promote: list[int] = []  #: whom a test wants to go on, in order

    @property
    def max_resource(self) -> int | None:
        return self._max_resource

    def rungs(self, number: int) -> tuple[int, ...]:
        return tuple(self._decisions)

    def rung_at(self, number: int, level: int) -> int | None:
        return level

    def start(self, number: int) -> None:
        pass

    def decide(self, measurement: Measurement) -> Decision:
        self.seen.append(measurement)
        return self._decisions.get(measurement.level, Decision.CONTINUE)

    def conclude(self, number: int) -> None:
        pass

    def promotable(self, *, is_closed: bool) -> int | None:
        return next((n for n in self.to_promote if n not in self.promoted), None)

    def promote(self, number: int) -> None:
        self.promoted.append(number)

    def strategy(self, spec: SweepSpec) -> Strategy:
        return Strategy(searcher=RandomSearch(spec.space), scheduler=self)
