"""The controller's ports, and when what happened to each attempt passed through them."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from benchmarks.controller import Gateway, Reported
from storage.sweeps.trials import PostgresTrialStore
from sweeps.errors import TransientError
from sweeps.ids import AttemptId, SweepId, run_of
from sweeps.ports import AttemptPhase, AttemptStatus, TrialLauncher
from sweeps.states import AttemptState, ExitReason
from sweeps.trials import Changes, LaunchRequest, Signals, SweepSnapshot


@dataclass
class Times:
    """When what happened to each attempt, in seconds of this machine's clock."""

    decided: dict[AttemptId, float] = field(default_factory=dict[AttemptId, float])
    made: dict[AttemptId, float] = field(default_factory=dict[AttemptId, float])
    recorded: dict[AttemptId, float] = field(default_factory=dict[AttemptId, float])


class TimedStore:
    """The controller's record; notes when decisions were made and outcomes were committed."""

    def __init__(self, store: PostgresTrialStore, times: Times) -> None:
        self._store = store
        self._times = times

    def take_over(self, sweep_id: SweepId, *, controller: str) -> int:
        """As the store."""
        return self._store.take_over(sweep_id, controller=controller)

    def load(self, sweep_id: SweepId) -> SweepSnapshot:
        """As the store."""
        return self._store.load(sweep_id)

    def poll(self, sweep_id: SweepId) -> Signals:
        """As the store."""
        return self._store.poll(sweep_id)

    def apply(self, sweep_id: SweepId, lease: int, changes: Changes) -> None:
        """As the store."""
        self._store.apply(sweep_id, lease, changes)
        now = time.time()
        for attempt in changes.new_attempts:
            self._times.decided[attempt.attempt_id] = changes.at.timestamp()
        for attempt in changes.attempts:
            if attempt.state is AttemptState.ENDED:
                self._times.recorded[attempt.attempt_id] = now


class TimedLauncher:
    """The launcher; notes when Jobs were made, and reports for whoever runs."""

    def __init__(self, launcher: TrialLauncher, gateway: Gateway, times: Times) -> None:
        self._launcher = launcher
        self._gateway = gateway
        self._times = times
        self._reported: set[AttemptId] = set()
        self.most_live = 0
        self.n_refused = 0

    @property
    def launches_at_once(self) -> int:
        """As the launcher."""
        return self._launcher.launches_at_once

    def launch(self, request: LaunchRequest) -> None:
        """As the launcher."""
        try:
            self._launcher.launch(request)
        except TransientError:
            self.n_refused += 1
            raise
        self._times.made.setdefault(request.attempt_id, time.time())

    def poll(
        self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]
    ) -> Mapping[AttemptId, AttemptStatus]:
        """As the launcher; whoever runs has reported once."""
        statuses = self._launcher.poll(sweep_id, attempt_ids)
        running = {a for a, status in statuses.items() if status.phase is AttemptPhase.RUNNING}
        done = {
            a
            for a, status in statuses.items()
            if status.exit is not None and status.exit.reason is ExitReason.COMPLETED
        }
        self.most_live = max(self.most_live, len(running))
        if fresh := sorted((running | done) - self._reported):
            self._gateway.report([Reported(run_of(a), 1, 0.5) for a in fresh])
            self._reported.update(fresh)
        return statuses

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        """As the launcher."""
        self._launcher.stop(attempt_id, reason=reason)

    def reap(self, sweep_id: SweepId) -> int:
        """As the launcher."""
        return self._launcher.reap(sweep_id)
