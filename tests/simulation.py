"""A whole sweep in simulated time: the real controller over fake ports, and trouble on demand."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from sweeps.controller import SweepController, Tick
from sweeps.errors import TransientError
from sweeps.ids import AttemptId, RunId
from sweeps.ports import AdmissionDesk, BudgetWatch, TrialLauncher, TrialStore
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.states import ExitReason, RunState, SweepState
from sweeps.strategies import Strategy, make_strategy
from sweeps.trials import Attempt, Exit, SweepSnapshot, Trial
from tests.factories import SWEEP
from tests.fakes import (
    Behaviour,
    FakeClock,
    FakeCourier,
    FakeCredentials,
    FakeLauncher,
    FakeTrialStore,
    Script,
)


class Killed(BaseException):
    """The controller's process is gone, in the middle of whatever it did."""


SCRIPT_FAILED = Exit(reason=ExitReason.SCRIPT_FAILED, code=1, message="Traceback\nValueError: no")
KILLED = Exit(reason=ExitReason.KILLED, signal=9)

Hook = Callable[[str], None]  #: told ``before launch``, ``after apply`` and so on; may raise


class Meddled:
    """A port that tells a hook of every call, before and after it."""

    def __init__(self, port: object, hook: Hook) -> None:
        self._port = port
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def call(*args: object, **kwargs: object) -> Any:
            self._hook(f"before {name}")
            answer = method(*args, **kwargs)
            self._hook(f"after {name}")
            return answer

        return call


class RaiseAt:
    """A hook that raises at some of the calls, counted from 0."""

    def __init__(self, troubles: Mapping[int, Callable[[], BaseException]]) -> None:
        self._troubles = dict(troubles)
        self.n_calls = 0

    def __call__(self, call: str) -> None:
        trouble = self._troubles.get(self.n_calls)
        self.n_calls += 1
        if trouble is not None:
            raise trouble()


class RaiseOn:
    """A hook that raises once, at the given occurrence of one call."""

    def __init__(self, call: str, error: BaseException, *, occurrence: int = 1) -> None:
        self._call = call
        self._error = error
        self._left = occurrence
        self.has_raised = False

    def __call__(self, call: str) -> None:
        if call == self._call:
            self._left -= 1
            if self._left == 0:
                self.has_raised = True
                raise self._error


def ignore(call: str) -> None:
    """No trouble."""


def good_trial(configuration: Configuration, attempt: int) -> Behaviour:
    """Three seconds, and a result that depends on the configuration."""
    return Behaviour(duration=3.0, reports=((2.0, 1, float(configuration.get("x", 0.5))),))


def ends_with(ended: Exit, *, reports: tuple[tuple[float, int, float], ...] = ()) -> Script:
    """A script whose every attempt ends that way after three seconds."""

    def script(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(exit=ended, reports=reports)

    return script


def runs_for(duration: float) -> Script:
    """A script that takes its time."""

    def script(configuration: Configuration, attempt: int) -> Behaviour:
        return Behaviour(duration=duration)

    return script


@dataclass
class Simulation:
    """One sweep."""

    spec: SweepSpec
    script: Script = good_trial
    capacity: int = 1_000_000
    hook: Hook = ignore
    strategy: Callable[[SweepSpec], Strategy] = make_strategy
    budgets: BudgetWatch | None = None
    desk: AdmissionDesk | None = None
    clock: FakeClock = field(default_factory=FakeClock)
    ended: list[Trial] = field(default_factory=list[Trial])  #: as the ticks told
    n_controllers: int = 0

    def __post_init__(self) -> None:
        self.store = FakeTrialStore(self.clock)
        self.launcher = FakeLauncher(
            self.clock, script=self.script, deliver=self._deliver, capacity=self.capacity
        )
        self.courier = FakeCourier()
        self.store.submit(SWEEP, self.spec, source_dir="/there")
        self.controller = self.new_controller()

    def _deliver(self, run_id: RunId, level: int, value: float, moment: Any) -> None:
        self.store.report(run_id, level, value, reported_at=moment)

    def new_controller(self) -> SweepController:
        """One that knows nothing yet."""
        self.n_controllers += 1
        return SweepController(
            SWEEP,
            store=cast("TrialStore", Meddled(self.store, self._meddle)),
            launcher=cast("TrialLauncher", Meddled(self.launcher, self._meddle)),
            credentials=FakeCredentials(),
            courier=self.courier,
            budgets=self.budgets,
            desk=self.desk,
            clock=self.clock,
            name=f"controller-{self.n_controllers}",
            make_strategy=self.strategy,
        )

    def _meddle(self, call: str) -> None:
        self.hook(call)

    def tick(self) -> Tick:
        """One tick; outages and murder are survived."""
        while True:
            try:
                tick = self.controller.tick()
            except TransientError:
                continue
            except Killed:
                self.controller = self.new_controller()
                continue
            self.ended.extend(tick.ended)
            return tick

    def settle(self) -> Tick:
        """Tick until nothing happens any more at this moment."""
        for _ in range(1000):
            tick = self.tick()
            if not tick.progressed or tick.state.is_terminal:
                return tick
        raise AssertionError("the controller never comes to rest")

    def run(self, *, for_seconds: float = 600.0, step: float = 1.0) -> SweepSnapshot:
        """Until the sweep has ended, or that long."""
        for _ in range(round(for_seconds / step)):
            if self.settle().state.is_terminal:
                break
            self.clock.advance(step)
        return self.snapshot

    def run_to_end(self) -> SweepSnapshot:
        """Until the sweep has ended; a test fails when it does not."""
        snapshot = self.run(for_seconds=10_000.0)
        assert snapshot.sweep.state.is_terminal, "the sweep never ends"
        return snapshot

    # What there is now

    @property
    def snapshot(self) -> SweepSnapshot:
        return self.store.load(SWEEP)

    @property
    def state(self) -> SweepState:
        return self.snapshot.sweep.state

    @property
    def reason(self) -> str:
        return self.snapshot.sweep.reason

    def trial(self, number: int) -> Trial:
        return self.snapshot.trials[number - 1]

    def attempts(self, number: int) -> list[Attempt]:
        run_id = self.trial(number).run_id
        return [attempt for attempt in self.snapshot.attempts if attempt.run_id == run_id]


def states(snapshot: SweepSnapshot) -> list[RunState]:
    """Of all trials, by number."""
    return [trial.state for trial in snapshot.trials]


def check_record(snapshot: SweepSnapshot, launched: list[AttemptId]) -> None:
    """What must hold of any sweep at any moment, whatever happened to its controllers."""
    limits = snapshot.sweep.spec.limits
    numbers = [trial.number for trial in snapshot.trials]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) <= limits.max_trials
    assert [s.number for s in snapshot.suggestions] == numbers
    assert len(launched) == len(set(launched)), "an attempt was launched twice"
    assert set(launched) <= {attempt.attempt_id for attempt in snapshot.attempts}
    for trial in snapshot.trials:
        of_trial = [a for a in snapshot.attempts if a.run_id == trial.run_id]
        assert [a.number for a in of_trial] == list(range(1, len(of_trial) + 1))
        n_taken_back = sum(a.was_taken_back for a in of_trial)
        assert n_taken_back <= limits.max_preemptions + 1
        assert len(of_trial) - n_taken_back <= limits.max_attempts
    sequences = [
        *(s.sequence for s in snapshot.suggestions),
        *(c.sequence for c in snapshot.concluded),
        *(r.sequence for r in snapshot.reports),
        *(a.promoted_sequence for a in snapshot.attempts if a.promoted_sequence is not None),
    ]
    assert len(sequences) == len(set(sequences)), "two entries at one place of the journal"
    assert snapshot.last_sequence == max((s or 0 for s in sequences), default=0)


def kills(seed: int, *, every: float) -> Hook:
    """A hook that kills controllers at random, on average once in `every` calls."""
    chance = random.Random(seed)

    def hook(call: str) -> None:
        if chance.random() < 1 / every:
            raise Killed(call)

    return hook
