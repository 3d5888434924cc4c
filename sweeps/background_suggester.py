"""Suggestions made ahead of demand by a thread, so that a free slot does not wait for a fit.

The thread keeps up to two chains of proposals, each for consecutive trial numbers: one that is
ready, and one that is being made from newer results. A slot takes from the newer one as soon as
that holds enough, else from the older. When neither holds any, and the slot has waited long
enough, it gets what the searcher proposes without results: a point of its initial design.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sweeps import spaces
from sweeps.journal import History, Journal
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.strategies import Searcher, Strategy
from sweeps.suggesting import InlineSuggester, Proposal, Suggester, propose

MAX_WAIT_SECONDS = 0.05  #: of a slot for a suggestion, unless results are worth more patience


_MOST_AHEAD = 16


def make_suggester(spec: SweepSpec, strategy: Strategy) -> Suggester:
    """A suggester for real time: in the background if the searcher takes its time."""
    if not strategy.is_costly:
        return InlineSuggester(strategy.searcher, seed=spec.seed)
    ahead = min(spec.limits.max_parallel, _MOST_AHEAD)
    return BackgroundSuggester(strategy.searcher, seed=spec.seed, ahead=ahead)


@dataclass(slots=True)
class _Chain:
    """Proposals for consecutive numbers, each made with those before it pending."""

    history: History  # with the configurations of all proposals pending
    proposals: deque[Proposal] = field(default_factory=deque[Proposal])

    @property
    def is_exhausted(self) -> bool:
        return bool(self.proposals) and self.proposals[-1].configuration is None

    def add(self, proposal: Proposal) -> None:
        self.proposals.append(proposal)
        if proposal.configuration is not None:
            self.history = _with_pending(self.history, proposal.number, proposal.configuration)


class BackgroundSuggester:
    """A `Suggester` with a thread of its own; whoever made it closes it.

    The thread rests as long as it has worked whenever proposals are ready, so that it costs the
    machine half a core at most.
    """

    def __init__(
        self,
        searcher: Searcher,
        *,
        seed: int,
        ahead: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ahead` proposals are kept ready for the sweep with `seed`."""
        self._searcher = searcher
        self._seed = seed
        self._ahead = max(1, ahead)
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._ready: _Chain | None = None
        self._newer: _Chain | None = None
        self._next = 0
        self._history: History | None = None  # None: older than the last proposal taken
        self._waiting_since: float | None = None
        self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="suggestions", daemon=True)

    # The controller's side

    def take(
        self, number: int, journal: Journal, *, wanted: int = 1, patience: float = 0.0
    ) -> Proposal | None:
        """A proposal that is ready, or one without results once the slot has waited too long."""
        with self._changed:
            if self._error is not None:
                raise self._error
            if number != self._next:
                self._begin(number, journal)
            now = self._monotonic()
            if self._waiting_since is None:
                self._waiting_since = now
            waited = now - self._waiting_since
            self._changed.notify()
            chain = self._best_chain(journal, wanted=wanted, waited=waited, patience=patience)
            if chain is not None:
                proposal = chain.proposals[0]
            elif waited >= max(MAX_WAIT_SECONDS, patience):
                proposal = propose(
                    self._searcher, seed=self._seed, number=number, history=journal.blind()
                )
            else:
                return None
            if proposal.configuration is not None:
                self._move_past(proposal)
            return proposal

    def prepare(self, number: int, journal: Journal) -> None:
        """Have the thread look at what is known now."""
        with self._changed:
            if number != self._next:
                self._begin(number, journal)
            elif self._history is None or self._history.seen_through != journal.seen_through:
                self._history = _frozen(journal)
            self._changed.notify()

    def close(self) -> None:
        """End the thread after what it is at; does not wait for it."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _begin(self, number: int, journal: Journal) -> None:
        self._next = number
        self._history = _frozen(journal)
        self._ready = self._newer = None
        self._waiting_since = None
        if not self._thread.is_alive():
            self._thread.start()

    def _best_chain(
        self, journal: Journal, *, wanted: int, waited: float, patience: float
    ) -> _Chain | None:
        """The newer chain if it is long enough for all free slots, else the one that is ready."""
        newer, ready = self._newer, self._ready
        if newer is not None and len(newer.proposals) >= wanted:
            return newer
        if ready is None or not ready.proposals:
            return newer if newer is not None and newer.proposals else None
        is_stale = ready.proposals[0].seen_through < journal.seen_through
        return None if is_stale and waited < patience else ready

    def _move_past(self, taken: Proposal) -> None:
        """Go on to the next number; chains that began with another proposal are void."""
        self._next = taken.number + 1
        self._waiting_since = None
        self._history = None
        self._ready = _rest(self._ready, taken)
        self._newer = _rest(self._newer, taken)

    # The thread's side

    def _work(self) -> None:
        while True:
            with self._changed:
                while (chain := self._chain_to_extend()) is None and not self._closed:
                    self._changed.wait()
                if self._closed or chain is None:
                    return
                number = self._next + len(chain.proposals)
                history = chain.history
                has_ready = self._ready is not None and bool(self._ready.proposals)
            started = self._monotonic()
            try:
                proposal = propose(self._searcher, seed=self._seed, number=number, history=history)
            except BaseException as exc:  # noqa: BLE001 - the controller's tick raises it
                with self._changed:
                    self._error = exc
                return
            with self._changed:
                is_kept = chain is self._ready or chain is self._newer
                if is_kept and number == self._next + len(chain.proposals):
                    chain.add(proposal)
                    self._make_newer_the_ready_one()
                if has_ready and self._waiting_since is None and not self._closed:
                    self._changed.wait(self._monotonic() - started)

    def _chain_to_extend(self) -> _Chain | None:
        """The chain that lacks a proposal; a new one when there are newer results."""
        latest = self._newer or self._ready
        if self._history is not None and (
            latest is None
            or (latest is self._ready and latest.history.seen_through < self._history.seen_through)
        ):
            latest = _Chain(self._history)
            if self._ready is None:
                self._ready = latest
            else:
                self._newer = latest
        if latest is None or len(latest.proposals) >= self._ahead or latest.is_exhausted:
            return None
        return latest

    def _make_newer_the_ready_one(self) -> None:
        ready, newer = self._ready, self._newer
        if newer is not None and (ready is None or len(newer.proposals) >= len(ready.proposals)):
            self._ready, self._newer = newer, None


def _rest(chain: _Chain | None, taken: Proposal) -> _Chain | None:
    """What is left of a chain once `taken` is under way; nothing if it began otherwise."""
    if chain is None or not chain.proposals:
        return None
    first = chain.proposals[0].configuration
    assert taken.configuration is not None  # an exhausted space is not moved past
    if first is None or spaces.key(first) != spaces.key(taken.configuration):
        return None
    chain.proposals.popleft()
    return chain


def _frozen(journal: Journal) -> History:
    """The history now, in collections of its own: the journal goes on growing."""
    now = journal.history()
    return replace(
        now,
        observations=tuple(now.observations),
        pending=dict(now.pending),
        keys=frozenset(now.keys),
        measurements=tuple(now.measurements),
        configurations=dict(now.configurations),
    )


def _with_pending(history: History, number: int, configuration: Configuration) -> History:
    """`history` with one more configuration asked for."""
    return replace(
        history,
        pending={**history.pending, number: configuration},
        keys=history.keys | {spaces.key(configuration)},
        configurations={**history.configurations, number: configuration},
    )
