"""From raw reports to rungs: what a scheduler is asked, and in which order.

Reports may come twice, late, out of order or from between two rungs; a scheduler hears of each
trial and rung once, rising. A trial that was told to end may still report for a while: what it
says then counts only if it is promoted later.
"""

from sweeps.journal import Journal, Measurement
from sweeps.objectives import Objective
from sweeps.states import Decision
from sweeps.strategies import TrialScheduler, scheduler_levels
from sweeps.trials import Report


class Ladder:
    """A scheduler, and how far each trial has climbed.

    Like the scheduler's, its state follows from the calls, made in journal order.
    """

    def __init__(self, scheduler: TrialScheduler, journal: Journal, objective: Objective) -> None:
        self._scheduler = scheduler
        self._journal = journal
        self._objective = objective
        self._levels = frozenset(scheduler_levels(scheduler))
        self._met: dict[int, int] = {}  # highest rung by trial
        self._ended_at: dict[int, Decision] = {}  # trials told to end, until they are promoted
        self._ahead: dict[int, Measurement] = {}  # met after the trial was told to pause
        self._concluded: set[int] = set()

    def start(self, number: int) -> None:
        """A trial has begun."""
        self._scheduler.start(number)

    def report(self, number: int, report: Report) -> Decision:
        """What becomes of the trial; `report` has its place in the journal."""
        assert report.sequence is not None  # it is being decided, or was
        if number in self._concluded:
            return Decision.CONTINUE  # too late to matter
        if (end := self._ended_at.get(number)) is not None:
            self._look_ahead(number, report)
            return end
        rung = self._new_rung(number, report.resource_level)
        decision = Decision.CONTINUE
        if rung is not None:
            measurement = self._measurement(number, rung, report)
            decision = self._decide(measurement, sequence=report.sequence)
        limit = self._scheduler.max_resource
        if limit is not None and report.resource_level > limit:
            decision = Decision.STOP  # its script goes on beyond what was asked for
        return self._note(number, decision)

    def conclude(self, number: int) -> None:
        """A trial has ended for good."""
        self._concluded.add(number)
        self._ahead.pop(number, None)
        self._ended_at.pop(number, None)
        self._scheduler.conclude(number)

    def promotable(self, *, is_closed: bool) -> int | None:
        """The paused trial that should go on next, if any."""
        return self._scheduler.promotable(is_closed=is_closed)

    def promote(self, number: int, *, sequence: int) -> Decision:
        """A paused trial goes on; what it reported while it was ending counts now."""
        self._ended_at.pop(number, None)
        self._scheduler.promote(number)
        ahead = self._ahead.pop(number, None)
        if ahead is None:
            return Decision.CONTINUE
        return self._note(number, self._decide(ahead, sequence=sequence))

    def waiting_rungs(self, number: int) -> tuple[int, ...]:
        """Levels at which the trial's script waits for an answer: the last one needs none."""
        limit = self._scheduler.max_resource
        return tuple(rung for rung in self._scheduler.rungs(number) if rung != limit)

    @property
    def max_resource(self) -> int | None:
        """Resource level at which a trial is complete."""
        return self._scheduler.max_resource

    def _decide(self, measurement: Measurement, *, sequence: int) -> Decision:
        self._met[measurement.number] = measurement.level
        if measurement.level in self._levels:
            self._journal.measure(measurement, sequence=sequence)
        return self._scheduler.decide(measurement)

    def _note(self, number: int, decision: Decision) -> Decision:
        if decision is not Decision.CONTINUE:
            self._ended_at[number] = decision
        return decision

    def _look_ahead(self, number: int, report: Report) -> None:
        rung = self._new_rung(number, report.resource_level)
        known = self._ahead.get(number)
        if rung is not None and (known is None or rung > known.level):
            self._ahead[number] = self._measurement(number, rung, report)

    def _new_rung(self, number: int, level: int) -> int | None:
        rung = self._scheduler.rung_at(number, level)
        if rung is None or rung <= self._met.get(number, -1):
            return None
        return rung

    def _measurement(self, number: int, rung: int, report: Report) -> Measurement:
        return Measurement(number=number, level=rung, loss=self._objective.loss(report.value))
