"""What the routes work with, made once for each process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from compute.kubernetes.trial_images import TrialImages
from gateway.backlog import Backlog
from gateway.batcher import Batcher
from gateway.door import Door
from gateway.meters import Meters
from governance.budgets.forecasts import BudgetGate
from storage.annotations.notes import NoteStore
from storage.annotations.tags import TagStore
from storage.artifacts.blob_announcements import BlobAnnouncements
from storage.artifacts.catalog import ArtifactCatalog
from storage.budgets.reports import PostgresBudgetReports
from storage.budgets.store import BudgetStore
from storage.cost.reader import CostReader
from storage.database import Pool
from storage.datasets.catalog import DatasetCatalog
from storage.datasets.stored_files import StoredFiles
from storage.lineage.graph import LineageStore
from storage.points.curve_store import CurveStore
from storage.policy_store import PolicyStore
from storage.promotion.candidate_facts import CandidateFacts
from storage.promotion.evaluations import EvaluationStore
from storage.promotion.registry import RegistryStore
from storage.queue.escalations import PostgresEscalations
from storage.queue.storage_quotas import StorageQuotas
from storage.queue.view import QueueView
from storage.reports.portfolio import Portfolio
from storage.reports.shelf import PostgresReportShelf
from storage.retention.store import RetentionStore
from storage.runs.catalog import RunCatalog
from storage.runs.comparisons import RunComparisons
from storage.runs.search import RunSearch
from storage.sweeps.catalog import SweepRow
from storage.sweeps.graveyard import PostgresGraveyard
from storage.sweeps.waits import SweepWaits
from storage.tenant_file import TenantFile
from storage.tenant_inventory import TenantInventory
from sweeps.blobs import ArtifactStore, BlobIntake
from sweeps.datasets import PinnedDataset
from sweeps.ids import SweepId
from sweeps.ports import DatasetGate
from sweeps.specs import SweepSpec
from sweeps.states import SweepRequest, SweepState
from sweeps.trials import Sweep


class SweepControl(Protocol):
    """Sweeps, as far as a person steers them over HTTP."""

    def submit(
        self,
        sweep_id: SweepId,
        spec: SweepSpec,
        *,
        source_dir: str,
        created_by: str,
        datasets: Sequence[PinnedDataset] = (),
        image: str | None = None,
    ) -> None:
        """Write a sweep down, and the image and the versions of datasets that its trials use.

        `InvalidSweepFile` when it waits for what its tenant has not, or what ended otherwise.
        """
        ...

    def list(
        self,
        *,
        tenant_id: str | None = None,
        state: SweepState | None = None,
        experiment: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[SweepRow]:
        """Sweeps, newest first."""
        ...

    def row(self, sweep_id: SweepId, *, tenant_id: str | None = None) -> SweepRow:
        """One line of that list. `SweepNotFound`."""
        ...

    def get(self, sweep_id: SweepId, *, tenant_id: str | None = None) -> Sweep:
        """One sweep. `SweepNotFound`."""
        ...

    def request(
        self, sweep_id: SweepId, requested: SweepRequest, *, tenant_id: str | None = None
    ) -> None:
        """Ask for pause, resume or cancel. `SweepNotFound`, `StateConflict`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(Door):
    """The door, stores, and what the ingest route counts."""

    pool: Pool
    runs: RunCatalog
    curves: CurveStore
    search: RunSearch
    comparisons: RunComparisons
    lineage: LineageStore
    costs: CostReader
    reports: PostgresReportShelf
    evaluations: EvaluationStore
    candidates: CandidateFacts
    registry: RegistryStore
    artifacts: ArtifactCatalog
    announcements: BlobAnnouncements
    stored_files: StoredFiles
    artifact_store: ArtifactStore
    blob_intake: BlobIntake | None  #: the same, where bytes come through the gateway
    datasets: DatasetCatalog
    data_gate: DatasetGate
    budget_gate: BudgetGate
    budgets: BudgetStore
    budget_reports: PostgresBudgetReports
    sweeps: SweepControl
    waits: SweepWaits
    batcher: Batcher
    backlog: Backlog
    meters: Meters
    tenants: TenantFile
    images: TrialImages | None  #: of trials in a cluster; None: they run on this machine
    policies: PolicyStore
    tags: TagStore
    notes: NoteStore
    portfolio: Portfolio
    retention: RetentionStore
    graveyard: PostgresGraveyard
    queue: QueueView
    escalations: PostgresEscalations
    inventory: TenantInventory
    storage_quotas: StorageQuotas
    body_seconds: float  #: that a body may take; see `PacedBody`


async def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


#: For signatures of routes.
GivenServices = Annotated[Services, Depends(_services)]
