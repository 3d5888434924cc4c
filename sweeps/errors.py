"""What can go wrong, in one tree. Adapters translate into it once; callers catch meaning.

::

    SweepsError
    ├── PermanentError                     same input, same failure: do not retry
    │   ├── InvalidSweepFile               problems, each with its line
    │   ├── SweepNotFound · RunNotFound · ArtifactNotFound · UnknownTenant
    │   ├── StateConflict                  what is finished cannot change
    │   ├── LeaseLost                      another controller has taken the sweep over
    │   ├── RunsElsewhere                  its live attempts cannot be seen from here
    │   ├── AccessDenied                   token missing, expired, or for something else
    │   │   ├── ForeignRun                 (governance.access) a good token, for another run
    │   │   └── NotAMember                 (governance.tenants) an owner the tenant does not admit
    │   ├── OverBudget                     (governance.budgets.forecasts) a sweep that can never start
    │   ├── InvalidNode · NodeNotFound     (sweeps.lineage) a name of nothing
    │   ├── ReportNotFound · ReportLost    (governance.reports.shelf)
    │   ├── InvalidDataset · DatasetNotFound · DatasetRefused  (sweeps.datasets)
    │   ├── InvalidTag · InvalidNote · InvalidLink  (sweeps.tags) what cannot be said of something
    │   ├── SubjectNotFound · NoteNotFound · NothingTagged  (sweeps.tags)
    │   ├── InvalidArtifact · ArtifactTooLarge  (sweeps.artifacts) a file that cannot be kept
    │   ├── StoreOfAnother · TooManyStrays (sweeps.blobs) nothing is deleted before a person has looked
    │   ├── NoStorageClass                 (sweeps.blobs) a store without such a class
    │   ├── BytesArchived                  (sweeps.blobs) a person has to restore them first
    │   ├── InvalidSetting                 (orchestration.settings) a variable that makes no sense
    │   ├── InvalidFlush                   a client sent what cannot be stored
    │   ├── UnreadableCredentials          (compute.kubernetes) a file of them that is none
    │   ├── LaunchRejected                 this attempt can never start as asked
    │   └── StorageError
    └── TransientError(retry_after_seconds)  may succeed later
        ├── NoCapacity                     all slots are taken
        │   └── HeldBack                   something else keeps it from starting
        ├── DiskFull
        ├── StorageUnavailable
        ├── BlobMissing · BlobLeaving      (sweeps.blobs) bytes that have to be brought again
        ├── BlobFinishing                  (sweeps.blobs) bytes that are put together
        └── LauncherUnavailable
"""

from collections.abc import Sequence
from dataclasses import dataclass


class SweepsError(Exception):
    """Base of every error that this platform raises on purpose."""


class PermanentError(SweepsError):
    """The same input fails the same way: retrying is a waste."""


class TransientError(SweepsError):
    """The same call may succeed later."""

    def __init__(self, message: str, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a file a person wrote."""

    path: str  #: where in the document: ``space.lr.low``
    message: str  #: what is wrong, with the offending value
    hint: str  #: what to write instead
    line: int | None = None  #: from 1; None when the text came without lines

    def render(self, source: str) -> str:
        """``file:line: path: what is wrong; what to write instead``."""
        place = source if self.line is None else f"{source}:{self.line}"
        return f"{place}: {self.path}: {self.message}; {self.hint}"


class InvalidSweepFile(PermanentError):
    """A sweep file that cannot be run; carries every problem at once."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.render(source) for problem in self.problems))


class SweepNotFound(PermanentError):
    """No sweep of that name for this tenant."""

    def __init__(self, sweep_id: str) -> None:
        self.sweep_id = sweep_id
        super().__init__(f"there is no sweep {sweep_id!r}; `sweepworks list` shows those there are")


class RunNotFound(PermanentError):
    """No run of that name for this tenant."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"there is no run {run_id!r}")


class ArtifactNotFound(PermanentError):
    """No artifact or blob under that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is no artifact {name!r}")


class UnknownTenant(PermanentError):
    """A tenant that no tenant file declares."""

    def __init__(self, tenant: str, *, known: Sequence[str]) -> None:
        self.tenant = tenant
        self.known = tuple(known)
        super().__init__(
            f"unknown tenant {tenant!r}; known: {', '.join(known)}. "
            "Add it to tenants.yaml or change `tenant:` in the sweep file"
        )


class StateConflict(PermanentError):
    """Something finished, or sealed, was asked to change."""

    def __init__(self, what: str, *, current: str, asked: str) -> None:
        self.what = what
        self.current = current
        self.asked = asked
        super().__init__(f"{what} is {current}, cannot be {asked}")


class LeaseLost(PermanentError):
    """Another controller has taken this sweep over; this one must stop and touch nothing."""

    def __init__(self, sweep_id: str) -> None:
        self.sweep_id = sweep_id
        super().__init__(f"sweep {sweep_id!r} is controlled by somebody else now")


class RunsElsewhere(PermanentError):
    """A sweep of another host or home: from here its live trials would look lost, and run twice."""

    def __init__(self, sweep_id: str, *, place: str) -> None:
        self.sweep_id = sweep_id
        self.place = place
        super().__init__(
            f"sweep {sweep_id!r} runs in {place}: look after it there, or, if that is gone for "
            f"good, `sweepworks attach {sweep_id} --take-over`"
        )


class AccessDenied(PermanentError):
    """A token that is missing, malformed, expired, or good for something else."""


class InvalidFlush(PermanentError):
    """A batch that cannot be stored, with the reason the client should show."""


class LaunchRejected(PermanentError):
    """An attempt that can never start as asked, for instance more GPUs than there are."""


class StorageError(PermanentError):
    """The database refused a statement; a bug or a broken schema, not an outage."""


class NoCapacity(TransientError):
    """Every slot that would fit is taken; the attempt waits."""


class HeldBack(NoCapacity):
    """Something other than slots keeps the attempt from starting, which may take long.

    The message says what, for people. Who waits holds nothing meanwhile that others could use.
    """


class DiskFull(TransientError):
    """No space left where artifacts, logs or tables are kept."""


class StorageUnavailable(TransientError):
    """The database does not answer."""


class LauncherUnavailable(TransientError):
    """What runs the trials does not answer."""
