"""From lines to points and reports: which step a metric belongs to, and what the search is told."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sweepworks.foreign.rules import Rule
from sweepworks.values import WireError, as_text, check_key

_MAX_STEP = 2.0**53  # up to where every whole number is one of floating point
MAX_TOLD = 20  #: subjects of problems: a script may print them without end


@dataclass(slots=True)
class Harvest:
    """What some lines said."""

    points: list[tuple[int, dict[str, float]]] = field(
        default_factory=list[tuple[int, dict[str, float]]]
    )
    reports: dict[int, float] = field(default_factory=dict[int, float])  #: first value by level


class Follower:
    """Reads lines in their order.

    The step of a metric is the one that stands with it, else the last one that was seen, else how
    often the metric has come. An objective's step is its resource level.

    Args:
        step: Name of the metric that is no metric, but the step.
        objective: Metric that is reported to the search; None: there is no search.
        say: Takes a subject and a sentence on what cannot be read, of each subject once.
    """

    def __init__(
        self, rule: Rule, *, step: str, objective: str | None, say: Callable[[str, str], None]
    ) -> None:
        self._rule = rule
        self._step = step
        self._objective = objective
        self._say = say
        self._last_step: int | None = None
        self._counts = Counter[str]()
        self._told: set[str] = set()
        self.names: set[str] = set()  #: of metrics that were found

    def read(self, line: str) -> Harvest:
        """What one line says."""
        harvest = Harvest()
        found = list(self._rule(line))
        for name, value, _ in found:
            if name == self._step:
                self._last_step = self._whole(name, value, otherwise=self._last_step)
        for name, value, own_step in found:
            if name == self._step or not self._is_key(name):
                continue
            number = self._number(name, value)
            if number is None:
                continue
            if own_step is not None:
                self._last_step = self._whole(self._step, own_step, otherwise=self._last_step)
            self._counts[name] += 1
            self.names.add(name)
            step = self._counts[name] if self._last_step is None else self._last_step
            harvest.points.append((step, {name: number}))
            if name == self._objective:
                if step < 0:
                    self._tell(f"level {step}", f"{name} has the step {step}, and no level is")
                else:
                    harvest.reports.setdefault(step, number)
        return harvest

    def _number(self, name: str, value: object) -> float | None:
        try:
            return float(value)  # pyright: ignore[reportArgumentType] - a text or a number
        except (ValueError, TypeError, OverflowError):
            self._tell(name, f"{name} is {as_text(value)[:40]!r}, which is no number")
            return None

    def _whole(self, name: str, value: object, *, otherwise: int | None) -> int | None:
        number = self._number(name, value)
        if number is None:
            return otherwise
        if number.is_integer() and abs(number) < _MAX_STEP:
            return int(number)
        self._tell(name, f"{name} is {as_text(value)[:40]!r}, which is no step")
        return otherwise

    def _is_key(self, name: str) -> bool:
        try:
            check_key(name)
        except WireError as exc:
            self._tell("name", str(exc))
            return False
        return True

    def _tell(self, subject: str, sentence: str) -> None:
        if subject not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(subject)
            self._say(f"foreign-{subject}", sentence)


def merged(harvests: Iterable[Harvest]) -> Harvest:
    """Several as one; metrics of one step that follow each other become one entry."""
    whole = Harvest()
    for harvest in harvests:
        for step, values in harvest.points:
            last = whole.points[-1] if whole.points else None
            if last is not None and last[0] == step and not last[1].keys() & values.keys():
                last[1].update(values)
            else:
                whole.points.append((step, dict(values)))
        for level, value in harvest.reports.items():
            whole.reports.setdefault(level, value)
    return whole
