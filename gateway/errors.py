"""What our errors are in HTTP: the one place that knows both."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from governance.access import ForeignRun
from governance.budgets.forecasts import OverBudget
from governance.promotion.approvals import NoApprover, NoReason
from governance.promotion.evaluations import EvaluationNotFound
from governance.promotion.registry import ModelNotFound
from governance.promotion.sections.names import InvalidModelName
from governance.quotas.escalations import (
    InvalidAcknowledgement,
    NoAcknowledger,
    NothingToAcknowledge,
    UnknownEscalation,
)
from governance.reports.shelf import ReportLost, ReportNotFound
from governance.tenant_inventory import TenantNotFound
from governance.tenants import NotAMember
from storage.sweeps.graveyard import InvalidTakeaway
from sweeps.artifacts import ArtifactTooLarge, InvalidArtifact
from sweeps.blobs import BlobMissing
from sweeps.datasets import DatasetNotFound, DatasetRefused, InvalidDataset
from sweeps.errors import (
    AccessDenied,
    ArtifactNotFound,
    DiskFull,
    InvalidFlush,
    InvalidSweepFile,
    LaunchRejected,
    LeaseLost,
    PermanentError,
    RunNotFound,
    StateConflict,
    SweepNotFound,
    SweepsError,
    TransientError,
    UnknownTenant,
)
from sweeps.lineage import InvalidNode, NodeNotFound
from sweeps.policies import UnknownPolicy
from sweeps.run_filters import InvalidFilter
from sweeps.tags import (
    InvalidLink,
    InvalidNote,
    InvalidTag,
    NoteNotFound,
    NothingTagged,
    SubjectNotFound,
)


class Overloaded(TransientError):
    """More is on its way than is kept in memory."""


class TooSlow(TransientError):
    """A body that does not come."""


class TooLarge(PermanentError):
    """A body of more bytes than are read."""


class InvalidRequest(PermanentError):
    """A request that makes no sense, with the reason."""


#: The first that fits counts: an error before the one it derives from.
_STATUS_BY_ERROR: tuple[tuple[type[SweepsError], int], ...] = (
    (ForeignRun, 403),
    (NotAMember, 403),
    (NoApprover, 403),
    (NoAcknowledger, 403),
    (AccessDenied, 401),
    (RunNotFound, 404),
    (SweepNotFound, 404),
    (ArtifactNotFound, 404),
    (InvalidNode, 404),
    (NodeNotFound, 404),
    (DatasetNotFound, 404),
    (ReportNotFound, 404),
    (ModelNotFound, 404),
    (InvalidModelName, 404),
    (EvaluationNotFound, 404),
    (SubjectNotFound, 404),
    (NoteNotFound, 404),
    (UnknownPolicy, 404),
    (TenantNotFound, 404),
    (UnknownEscalation, 404),
    (DatasetRefused, 409),
    (OverBudget, 409),
    (StateConflict, 409),
    (NothingToAcknowledge, 409),
    (LeaseLost, 409),
    (ReportLost, 410),
    (TooLarge, 413),
    (ArtifactTooLarge, 413),
    (InvalidArtifact, 422),
    (InvalidDataset, 422),
    (InvalidFlush, 422),
    (InvalidRequest, 422),
    (InvalidSweepFile, 422),
    (LaunchRejected, 422),
    (InvalidFilter, 422),
    (InvalidTag, 422),
    (NothingTagged, 422),
    (InvalidNote, 422),
    (InvalidLink, 422),
    (NoReason, 422),
    (InvalidTakeaway, 422),
    (InvalidAcknowledgement, 422),
    (UnknownTenant, 422),
    (TooSlow, 408),
    (BlobMissing, 428),
    (Overloaded, 429),
    (DiskFull, 507),
    (TransientError, 503),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """A refusal as it is sent."""

    status: int
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self) -> bytes:
        """``{"error": sentence}``."""
        return json.dumps({"error": self.sentence}).encode()


def answer_to(exc: SweepsError) -> ErrorAnswer:
    """What a client is told."""
    status = next((status for kind, status in _STATUS_BY_ERROR if isinstance(exc, kind)), 500)
    headers: dict[str, str] = {}
    if isinstance(exc, TransientError):
        headers["Retry-After"] = str(max(1, round(exc.retry_after_seconds)))
    if status == 408:
        headers["Connection"] = "close"  # else its rest would be read as the next request
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return ErrorAnswer(status=status, sentence=str(exc), headers=headers)
