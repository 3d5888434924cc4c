"""A sweep in simulated time: the real controller over learning curves instead of machines."""

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sweeps.controller import SweepController, Tick
from sweeps.errors import SweepsError
from sweeps.ids import AttemptId, RunId, SweepId, TenantId
from sweeps.ports import TrialLauncher, TrialStore
from sweeps.simulation.curves import Curves
from sweeps.simulation.launcher import Fails, Progress, SimulatedLauncher, nobody_fails
from sweeps.simulation.memory_store import MemoryTrialStore
from sweeps.specs import SweepSpec
from sweeps.strategies import Strategy, make_strategy
from sweeps.trials import SweepSnapshot

SIMULATED = SweepId("simulated-aaaaaaaa")
_EPOCH = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)  # arbitrary: results must not hang on today's date
_PAUSE = dt.timedelta(seconds=1)  # of the clock when nothing is due but the sweep goes on


class SimulatedClock:
    """A `Clock` that is moved by hand."""

    def __init__(self) -> None:
        self._now = _EPOCH

    def now(self) -> dt.datetime:
        """The simulated time."""
        return self._now

    def move_to(self, moment: dt.datetime) -> None:
        """Let time pass; it never goes back."""
        self._now = max(self._now, moment)

    @property
    def seconds(self) -> float:
        """Since the simulation began."""
        return (self._now - _EPOCH).total_seconds()


class _NoCredentials:
    def for_attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Mapping[str, str]:  # noqa: ARG002 - the port's signature
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where a simulated sweep is after one more report."""

    seconds: float  #: of simulated time since its start
    resource: int  #: resource levels trained so far, by all trials
    cost_seconds: float  #: of training so far, by all trials
    best: float | None  #: best value of trials that were trained to the end
    best_at_any_level: float | None


class SimulationStuck(SweepsError):
    """A simulated sweep that neither ends nor waits for anything: a defect of a strategy."""


@dataclass
class SimulatedSweep:
    """One sweep, from its first tick to its last.

    Its deadline and its trials' timeouts hold in simulated time; nobody falls silent. `wrap_store` and `wrap_launcher` stand between the controller and its ports, for tests.
    """

    spec: SweepSpec
    curves: Curves
    levels: tuple[int, ...]  #: resource levels of the curves, ascending; the last is the whole
    resume_from_checkpoint: bool = True
    make_strategy: Callable[[SweepSpec], Strategy] = make_strategy
    wrap_store: Callable[[TrialStore], TrialStore] = lambda store: store
    wrap_launcher: Callable[[TrialLauncher], TrialLauncher] = lambda launcher: launcher
    fails: Fails = nobody_fails
    steps: list[Step] = field(default_factory=list[Step])
    resource_by_run: dict[RunId, int] = field(default_factory=dict[RunId, int])

    def __post_init__(self) -> None:
        # Scripts give signs of life between reports, and these do not.
        self.spec = replace(self.spec, limits=replace(self.spec.limits, stalled_after=None))
        self.clock = SimulatedClock()
        self.store = MemoryTrialStore(self.clock)
        scheduler = self.spec.strategy.scheduler
        every_level = scheduler.name == "median_stopping"
        self._full = scheduler.max_resource or self.levels[-1]
        self.launcher = SimulatedLauncher(
            self.clock,
            self.store,
            self.curves,
            levels=self.levels if every_level else (self._full,),
            resume_from_checkpoint=self.resume_from_checkpoint,
            on_progress=self._note,
            fails=self.fails,
        )
        self.store.submit(SIMULATED, self.spec)
        self.controller = self.new_controller()

    def new_controller(self) -> SweepController:
        """One that knows nothing yet."""
        return SweepController(
            SIMULATED,
            store=self.wrap_store(self.store),
            launcher=self.wrap_launcher(self.launcher),
            credentials=_NoCredentials(),
            clock=self.clock,
            name="simulation",
            make_strategy=self.make_strategy,
        )

    def tick(self) -> Tick:
        """One tick of the controller."""
        return self.controller.tick()

    def run(
        self,
        on_step: Callable[[Step], None] = lambda _: None,
        *,
        resource: int | None = None,
    ) -> SweepSnapshot:
        """Until the sweep has ended, or has spent that much resource.

        Raises:
            SimulationStuck: It never does.
        """
        idle = shown = 0
        while True:
            n_live = self.launcher.n_live
            tick = self.tick()
            for step in self.steps[shown:]:
                on_step(step)
            shown = len(self.steps)
            has_spent = bool(self.steps) and self.steps[-1].resource >= (resource or math.inf)
            if tick.state.is_terminal or has_spent:
                return self.store.load(SIMULATED)
            was_stopped = self.launcher.n_live < n_live
            if self.launcher.obey() or tick.progressed or was_stopped:
                idle = 0
                continue
            due = self._next_event()
            idle = idle + 1 if due is None else 0
            if idle > 60:
                raise SimulationStuck(f"nothing happens any more after {self.clock.seconds:.0f} s")
            self.clock.move_to(due or self.clock.now() + _PAUSE)
            self.launcher.deliver()

    def _next_event(self) -> dt.datetime | None:
        due, deadline = self.launcher.next_event(), self.spec.limits.deadline
        if due is None or deadline is None or self.clock.now() >= _EPOCH + deadline:
            return due
        return min(due, _EPOCH + deadline)

    def _note(self, progress: Progress) -> None:
        spent = self.resource_by_run.get(progress.run_id, 0)
        self.resource_by_run[progress.run_id] = spent + progress.resource
        last = self.steps[-1] if self.steps else None
        is_whole = progress.level >= self._full
        self.steps.append(
            Step(
                seconds=(progress.at - _EPOCH).total_seconds(),
                resource=(last.resource if last else 0) + progress.resource,
                cost_seconds=(last.cost_seconds if last else 0.0) + progress.seconds,
                best=self._better(last.best if last else None, progress.value, counts=is_whole),
                best_at_any_level=self._better(
                    last.best_at_any_level if last else None, progress.value, counts=True
                ),
            )
        )

    def _better(self, best: float | None, value: float | None, *, counts: bool) -> float | None:
        if not counts or value is None or not math.isfinite(value):
            return best
        return value if best is None or self.spec.objective.is_better(value, best) else best
