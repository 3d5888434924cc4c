"""Flushes that wait for a batch, each tenant and each run in its turn."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from sweepworks.wire import Flush

from gateway.waiting import Waiting

_QUANTUM = 20_000  # points, or what else a flush costs, that a tenant may bring in one turn
_FLUSH_COST = 100  # of a flush beside what it brings: its row, its answer
_ROW_COST = 10  # of a row that is looked up, kept once and indexed, where a point is only appended
_BYTES_COST = 24  # bytes of a document that are as much as a point
_MOST_DEBTS = 1_000  # of tenants that are remembered; the oldest go


def cost(flush: Flush) -> int:
    """What it costs to store a flush, in points."""
    reported = sum(1 + len(report.values) for report in flush.reports)
    rows = len(flush.params) + len(flush.tags) + reported
    documents = sum(len(repr(document)) for document in flush.provenance.values())
    keys = len(flush.series) + len(flush.system)  # each may be new, and has a point if it is honest
    return max(flush.n_points, keys) + _ROW_COST * rows + documents // _BYTES_COST


@dataclass(slots=True)
class _Line:
    """What waits of one tenant: one flush of each run in turn."""

    turns: deque[str] = field(default_factory=deque[str])
    by_run: dict[str, deque[Waiting]] = field(default_factory=dict[str, deque[Waiting]])
    credit: int = 0  # of this turn; may be overdrawn by one flush, which later turns pay off

    def put(self, waiting: Waiting) -> None:
        self._flushes(waiting).append(waiting)

    def put_back(self, waiting: Waiting) -> None:
        # Before the later ones of its writer: a sequence below the watermark counts as stored.
        self._flushes(waiting).appendleft(waiting)

    def _flushes(self, waiting: Waiting) -> deque[Waiting]:
        run = waiting.delivery.flush.run
        if run not in self.by_run:
            self.by_run[run] = deque()
            self.turns.append(run)
        return self.by_run[run]

    def next(self) -> Waiting:
        run = self.turns.popleft()
        flushes = self.by_run[run]
        waiting = flushes.popleft()
        if flushes:
            self.turns.append(run)
        else:
            del self.by_run[run]
        return waiting


class FairQueue:
    """Deficit round robin over tenants (Shreedhar and Varghese, SIGCOMM 1995), in each over runs.

    However much one tenant sends, another one's flush waits for one turn of each tenant; however
    much one run sends, another run of its tenant waits for one flush of each run.
    """

    def __init__(self) -> None:
        self._turns: deque[str] = deque()
        self._lines: dict[str, _Line] = {}
        self._length = 0
        # Of tenants of which nothing waits now: a pause between two flushes must not pay for one.
        self._debts: dict[str, int] = {}

    def __len__(self) -> int:
        return self._length

    def put(self, waiting: Waiting) -> None:
        """Append a flush to its run's."""
        self._line(waiting).put(waiting)
        self._length += 1

    def take(
        self, *, most_cost: int, most_flushes: int, but: Collection[tuple[str, str]] = ()
    ) -> list[Waiting]:
        """What makes the next batch: at most one flush of each writer, whatever waits besides.

        One flush may be larger than a batch, and is then a batch of its own.

        Args:
            most_cost: Of all of them, in points; the last one may be beyond it.
            but: Writers whose flushes stay where they are.
        """
        self._forgive()
        taken: list[Waiting] = []
        later: list[Waiting] = []
        writers = set(but)
        total = 0
        while self._turns and total < most_cost and len(taken) < most_flushes:
            line = self._lines[self._turns[0]]
            if line.credit <= 0:
                line.credit += _QUANTUM
                self._turns.rotate(-1)
                continue
            waiting = line.next()
            self._length -= 1
            if waiting.delivery.writer in writers:
                # The same flush twice, because a client lost patience: its first copy goes first.
                later.append(waiting)
            else:
                writers.add(waiting.delivery.writer)
                costs = cost(waiting.delivery.flush)
                line.credit -= costs + _FLUSH_COST
                total += costs
                taken.append(waiting)
            if not line.turns:
                self._end(self._turns.popleft())
        for waiting in reversed(later):
            self._line(waiting).put_back(waiting)
            self._length += 1
        return taken

    def _line(self, waiting: Waiting) -> _Line:
        tenant = waiting.delivery.tenant_id
        if tenant not in self._lines:
            self._lines[tenant] = _Line(credit=self._debts.pop(tenant, _QUANTUM))
            self._turns.append(tenant)
        return self._lines[tenant]

    def _end(self, tenant: str) -> None:
        credit = self._lines.pop(tenant).credit
        if credit < 0:
            self._debts[tenant] = credit
            if len(self._debts) > _MOST_DEBTS:
                del self._debts[next(iter(self._debts))]

    def _forgive(self) -> None:
        """Every batch pays what a turn would have: a debt is gone when its turns are."""
        self._debts = {
            tenant: credit + _QUANTUM
            for tenant, credit in self._debts.items()
            if credit + _QUANTUM < 0
        }
