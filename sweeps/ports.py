"""What the controller needs from the world. Adapters live in `storage` and `compute`."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from sweeps.datasets import PinnedDataset
from sweeps.endings import BudgetVerdict
from sweeps.ids import AttemptId, SweepId, TenantId
from sweeps.specs import SweepSpec
from sweeps.states import ExitReason, SweepRequest
from sweeps.trials import Attempt, Changes, Exit, LaunchRequest, Signals, Sweep, SweepSnapshot


class TrialStore(Protocol):
    """The record of one sweep's trials, as its controller sees it.

    **Isolation.** A lease is taken with `take_over`; whoever takes it next ends the former one.
    `apply` under a lease that has ended raises `LeaseLost` and writes nothing.

    **Atomicity.** `apply` writes all of a tick or nothing.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def take_over(self, sweep_id: SweepId, *, controller: str) -> int:
        """Become the sweep's one controller; returns the lease's number. `SweepNotFound`."""
        ...

    def load(self, sweep_id: SweepId) -> SweepSnapshot:
        """Everything about the sweep, from one snapshot of the database. `SweepNotFound`."""
        ...

    def poll(self, sweep_id: SweepId) -> Signals:
        """What changed outside the controller."""
        ...

    def apply(self, sweep_id: SweepId, lease: int, changes: Changes) -> None:
        """Write a tick. `LeaseLost`, `StateConflict`."""
        ...


class SweepLog(Protocol):
    """Sweeps as they are submitted.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def submit(
        self,
        sweep_id: SweepId,
        spec: SweepSpec,
        *,
        source_dir: str,
        created_by: str,
        datasets: Sequence[PinnedDataset] = (),
        code: Mapping[str, object] | None = None,
        image: str | None = None,
    ) -> None:
        """Write a sweep down. The same name a second time changes nothing.

        `InvalidSweepFile` when it waits for what its tenant has not, or what ended otherwise.

        Args:
            datasets: Versions that its trials use: what a `DatasetGate` has made of the spec's data.
            code: State of the work tree that `source_dir` is in; None when nobody could look.
            image: Of its trials, by its digest; None when nobody has looked it up.
        """
        ...

    def get(self, sweep_id: SweepId, *, tenant_id: str | None = None) -> Sweep:
        """One sweep. `SweepNotFound`."""
        ...


class DatasetGate(Protocol):
    """Which versions of datasets a sweep gets, if it may start on them."""

    def pin(self, data: Sequence[str], *, tenant_id: TenantId) -> tuple[PinnedDataset, ...]:
        """The versions that references mean now.

        `DatasetNotFound`, `DatasetRefused`, `InvalidSweepFile` of a suite, `StorageUnavailable`.
        """
        ...


class SweepClaims(Protocol):
    """Who starts a sweep's controller, and who closes what nobody controls any more.

    **Place.** An adapter works for one place, where a launcher sees the attempts. A sweep that has
    live attempts in another one is left alone: from here they would look lost.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def unclaimed(self, *, limit: int = 100) -> tuple[SweepId, ...]:
        """Sweeps that nobody has started, oldest first; none of another place."""
        ...

    def claim(self, sweep_id: SweepId) -> str | None:
        """Take a sweep in order to start it: a claim's name, None when somebody was faster.

        A claim that no Dagster run follows within a minute is void.
        """
        ...

    def reclaim(self, sweep_id: SweepId, *, dagster_run_id: str) -> str | None:
        """Take a sweep in order to replace its Dagster run, which has failed: a claim's name.

        None when somebody was faster, when it has ended or another Dagster run, or when that has
        happened three times.
        """
        ...

    def check_place(self, sweep_id: SweepId) -> None:
        """Refuse a sweep with live attempts in another place. `RunsElsewhere`."""
        ...

    def attach(self, sweep_id: SweepId, *, dagster_run_id: str) -> None:
        """Note which Dagster run controls the sweep now. `SweepNotFound`, `RunsElsewhere`.

        `StateConflict` while it waits for others.
        """
        ...

    def live_attempts(self, sweep_id: SweepId) -> tuple[AttemptId, ...]:
        """Attempts of a sweep whose rows say that they have not ended."""
        ...

    def cancel_abandoned(
        self,
        sweep_id: SweepId,
        *,
        dagster_run_id: str,
        reason: str,
        ended: Mapping[AttemptId, dt.datetime],
    ) -> bool:
        """Close a sweep whose controller was cancelled; False if it ended, or has another one.

        Live attempts end now, or when `ended` says that one had.
        """
        ...


class SweepSteering(Protocol):
    """What a person may ask of a sweep."""

    def request(
        self, sweep_id: SweepId, requested: SweepRequest, *, tenant_id: str | None = None
    ) -> None:
        """Ask for pause, resume or cancel. `SweepNotFound`, `StateConflict`, `StorageUnavailable`."""
        ...


class AttemptPhase(StrEnum):
    """What the launcher knows of an attempt."""

    PENDING = "pending"  #: accepted, not executing yet
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStatus:
    """One attempt as its launcher sees it now."""

    attempt_id: AttemptId
    phase: AttemptPhase
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    exit: Exit | None = None  #: set once `phase` is EXITED
    last_output_at: dt.datetime | None = None
    node: str = ""
    gpus: tuple[str, ...] = ()
    image: str = ""  #: as it runs, with its digest
    scheduled_at: dt.datetime | None = None
    gpu_model: str = ""  #: as its node or driver says it
    gpu_count: int = 0  #: devices that it had, on all of its nodes
    capacity: str = ""  #: ``spot`` or ``on_demand``; empty: nobody told
    region: str = ""
    instance_type: str = ""
    waits_for: str = ""  #: why it is still PENDING, as the cluster says it

    def told_of(self, attempt: Attempt) -> Attempt:
        """The attempt with what its launcher says; what it does not say any more stays."""
        return replace(
            attempt,
            started_at=self.started_at or attempt.started_at,
            node=self.node or attempt.node,
            gpus=self.gpus or attempt.gpus,
            image=self.image or attempt.image,
            scheduled_at=self.scheduled_at or attempt.scheduled_at,
            gpu_model=self.gpu_model or attempt.gpu_model,
            gpu_count=self.gpu_count or attempt.gpu_count,
            capacity=self.capacity or attempt.capacity,
            region=self.region or attempt.region,
            instance_type=self.instance_type or attempt.instance_type,
        )


class TrialLauncher(Protocol):
    """Executes attempts somewhere.

    **Idempotency.** Launching an attempt that was launched before, by whomever, is success and
    starts nothing; stopping one that is gone is success.

    **Ownership.** Attempts outlive the caller. A new caller sees them through `poll`.
    """

    @property
    def launches_at_once(self) -> int:
        """How many launches to make side by side; `launch` is thread-safe where that is above 1."""
        ...

    def launch(self, request: LaunchRequest) -> None:
        """Start an attempt. `NoCapacity`, `LaunchRejected`, `LauncherUnavailable`, `DiskFull`."""
        ...

    def poll(
        self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]
    ) -> Mapping[AttemptId, AttemptStatus]:
        """Status of those attempts of the sweep that this launcher knows; unknown ones are left out."""
        ...

    def stop(self, attempt_id: AttemptId, *, reason: ExitReason) -> None:
        """Ask an attempt to end (SIGTERM, then SIGKILL after a grace period) and return at once.

        The exit that `poll` shows later carries `reason`, the first one given. An attempt that was
        stopped before it was launched is never started, whoever launches it.
        """
        ...

    def reap(self, sweep_id: SweepId) -> int:
        """End every attempt of the sweep that is still alive, wait, and return how many there were.

        The sweep is over: whatever is launched of it from then on is never started.
        """
        ...


class Credentials(Protocol):
    """What a trial needs to reach the gateway, as environment variables."""

    def for_attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Mapping[str, str]:
        """Address and a token that opens the attempt's run alone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What became of an attempt that would like to start."""

    is_admitted: bool
    reason: str = ""  #: what it waits for, for people
    place: int | None = None  #: in the queue of the installation, from 1
    starts_at: dt.datetime | None = None  #: an estimate; None: nobody can tell
    is_hopeless: bool = False  #: it asks for what it can never have, as policies are now


class AdmissionDesk(Protocol):
    """Lets attempts of all sweeps start, no more than quotas and budgets allow together.

    **Lifetime.** What an attempt is given it holds until its row says that it has ended, or until
    it is withdrawn. Nothing has to be released. One that was not launched goes back to the queue
    when its controller has been silent for some minutes; so whoever launches says so just before.

    **Idempotency.** Asking again, by whomever, changes nothing; an attempt that was admitted stays
    so while anybody asks for it.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def ask(
        self, sweep_id: SweepId, spec: SweepSpec, attempt_ids: Collection[AttemptId]
    ) -> Mapping[AttemptId, Admission]:
        """What becomes of attempts of a sweep whose rows are written; of ended ones nothing."""
        ...

    def withdraw(self, attempt_ids: Collection[AttemptId]) -> None:
        """Those that were never launched do not want to start now; they may ask again."""
        ...

    def give_way(self, attempt_ids: Collection[AttemptId], *, reason: str) -> None:
        """Those that were never launched cannot start now, and let others pass until they ask again.

        Unlike those that withdraw they have been in the queue all the while, then.

        Args:
            reason: What keeps them from starting, for people who look at the queue.
        """
        ...

    def begin_launch(self, sweep_id: SweepId, attempt_id: AttemptId) -> bool:
        """Whether an attempt may be launched now: from here on it holds on, whoever is silent.

        False: it is not admitted, or not any more; it may ask again.
        """
        ...

    def found_no_place(self, attempt_id: AttemptId) -> None:
        """What was to be launched was not: its launcher has no place for it."""
        ...


class BudgetWatch(Protocol):
    """What may still be spent."""

    def verdict(self, sweep_id: SweepId) -> BudgetVerdict:
        """What budgets mean for a sweep now; looks anew every few seconds. `StorageUnavailable`."""
        ...

    def told(self, sweep_id: SweepId) -> Sequence[str]:
        """What its people are to know of its budgets by now, each sentence once."""
        ...


class Courier(Protocol):
    """Brings home what scripts could not send before they ended."""

    def unsent(
        self, tenant_id: TenantId, attempt_ids: Collection[AttemptId]
    ) -> Collection[AttemptId]:
        """Those of the attempts, all of which have ended, that left something which is not stored.

        Returns at once; what it names is on its way, as far as the gateway takes it. Never raises
        for an outage.
        """
        ...


class LogReader(Protocol):
    """Captured output of attempts; `stream` is ``stdout`` or ``stderr``."""

    def exists(self, attempt_id: AttemptId) -> bool:
        """Whether the attempt has, or had, an output here."""
        ...

    def read(self, attempt_id: AttemptId, stream: str, *, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of output from byte `offset` on; empty when there are none yet."""
        ...

    def tail(self, attempt_id: AttemptId, stream: str, *, lines: int) -> int:
        """The byte at which the last so many lines begin."""
        ...


class ImagePins(Protocol):
    """The container image of each sweep's trials, by its digest, once it was looked up.

    Every method raises `SweepNotFound` and `StorageUnavailable`.
    """

    def pinned_image(self, sweep_id: SweepId) -> str | None:
        """``name@sha256:…``; None when nobody has looked it up."""
        ...

    def pin_image(self, sweep_id: SweepId, image: str) -> str:
        """Note it, unless somebody was faster; gives what counts."""
        ...


class LogArchive(Protocol):
    """Output of attempts that have ended, kept with their runs: both streams together.

    Every method raises `StorageUnavailable` when the database or the store does not answer.
    """

    def has(self, tenant_id: TenantId, attempt_id: AttemptId, *, node: int = 0) -> bool:
        """Whether the output of that node of the attempt is kept."""
        ...

    def keep(
        self, tenant_id: TenantId, attempt_id: AttemptId, content: bytes, *, node: int = 0
    ) -> None:
        """Keep it. `RunNotFound`, `StateConflict` when its run is sealed, or another one is kept."""
        ...

    def read(self, tenant_id: TenantId, attempt_id: AttemptId, *, node: int = 0) -> bytes | None:
        """What is kept; None when nothing is."""
        ...
