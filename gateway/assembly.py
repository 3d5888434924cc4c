"""The application from its configuration: pools, stores, routes."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from compute.kubernetes.trial_images import TrialImages
from gateway.app import Gateway
from gateway.backlog import DEFAULT_LIMIT_BYTES, Backlog
from gateway.batcher import AT_ONCE, Batcher
from gateway.meters import Meters
from gateway.paced_body import DEFAULT_SECONDS
from gateway.services import Services
from gateway.upkeep import StoreUpkeep, Upkeep
from governance.access import HOME
from governance.tenant_inventory import ClusterPlace
from governance.tenants import TenantDirectory
from retention.sealing import SealingRule
from retention.silence import SilenceRule
from storage.annotations.notes import NoteStore
from storage.annotations.tags import TagStore
from storage.artifacts.blob_announcements import BlobAnnouncements
from storage.artifacts.blob_deletion import BlobDeletion
from storage.artifacts.catalog import ArtifactCatalog
from storage.artifacts.folder import ArtifactFolder
from storage.artifacts.location import Location, open_store
from storage.budgets.gate import PostgresBudgetGate
from storage.budgets.predictions import PostgresPredictor
from storage.budgets.reports import PostgresBudgetReports
from storage.budgets.store import BudgetStore
from storage.cost.reader import CostReader
from storage.database import open_pool
from storage.datasets.catalog import DatasetCatalog
from storage.datasets.gate import DataGate
from storage.datasets.stored_files import StoredFiles
from storage.datasets.suite_folder import SuiteFolder
from storage.lineage.graph import LineageStore
from storage.points.curve_store import CurveStore
from storage.points.ingest_store import IngestStore
from storage.points.metric_store import MetricStore
from storage.points.series_registry import DEFAULT_MAX_SERIES
from storage.policy_store import PolicyStore
from storage.promotion.candidate_facts import CandidateFacts
from storage.promotion.evaluations import EvaluationStore
from storage.promotion.registry import RegistryStore
from storage.queue.escalations import PostgresEscalations
from storage.queue.live_attempts import LiveAttempts
from storage.queue.storage_quotas import StorageQuotas
from storage.queue.view import QueueView
from storage.reports.portfolio import Portfolio
from storage.reports.shelf import PostgresReportShelf
from storage.retention.cold import ColdStorage
from storage.retention.store import RetentionStore
from storage.runs.catalog import RunCatalog
from storage.runs.comparisons import RunComparisons
from storage.runs.search import RunSearch
from storage.runs.summaries import RunSummaries
from storage.runs.upkeep import RunUpkeep
from storage.schema_state import prepare_schema
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.graveyard import PostgresGraveyard
from storage.sweeps.waits import SweepWaits
from storage.tenant_file import TenantFile
from storage.tenant_inventory import TenantInventory
from storage.token_store import TokenStore
from sweeps.blobs import StoreWithClasses
from sweeps.clock import Clock, SystemClock
from sweeps.ids import TenantId

_EMBEDDED_TENANT = TenantId("default")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfiguration:
    """What a gateway has to be told."""

    database_url: str = field(repr=False)
    signing_key: bytes = field(repr=False)
    artifacts: Location
    tenants_file: Path | None = None  #: need not exist
    images: TrialImages | None = None  #: of trials in a cluster; None: they run on one machine
    expectations: Path | None = None  #: folder of suites, which need not exist
    #: An API token of the default tenant that is to be known from the start.
    token: str | None = field(default=None, repr=False)
    token_name: str = HOME
    sealing: SealingRule = field(default_factory=SealingRule)
    silence: SilenceRule = field(default_factory=SilenceRule)
    upkeep_seconds: float = 3.0
    backlog_bytes: int = DEFAULT_LIMIT_BYTES
    body_seconds: float = DEFAULT_SECONDS  #: that a body may take; see `PacedBody`
    max_series: int = DEFAULT_MAX_SERIES  #: curves of a run; the surplus is refused
    public_url: str | None = None  #: where browsers find it, when it is not where it listens


@contextlib.contextmanager
def open_gateway(
    configuration: GatewayConfiguration, *, clock: Clock | None = None
) -> Generator[Gateway, None, None]:
    """The application, with its connections open.

    Raises:
        StorageUnavailable: The database, or the artifact folder, is not to be had.
        SchemaMismatch: The database is of another version.
    """
    clock = clock or SystemClock()
    store = open_store(configuration.artifacts)
    prepare_schema(configuration.database_url)
    with (
        # Two pools: a page of slow queries must not hold up the scripts' acknowledgements.
        open_pool(configuration.database_url, max_size=8) as pool,
        open_pool(configuration.database_url, max_size=AT_ONCE) as ingest_pool,
    ):
        tokens = TokenStore(pool)
        if configuration.token is not None:
            tokens.ensure(
                configuration.token, tenant_id=_EMBEDDED_TENANT, name=configuration.token_name
            )
        meters = Meters()
        policies = PolicyStore(pool)
        budgets = BudgetStore(pool, policies)
        predictor = PostgresPredictor(pool, book=budgets.book, clock=clock)
        ingest = IngestStore(ingest_pool, clock=clock, max_series=configuration.max_series)
        datasets = DatasetCatalog(pool)
        tenants = TenantFile(configuration.tenants_file)
        queue, sweeps = QueueView(pool, policies), SweepCatalog(pool)
        escalations = PostgresEscalations(pool, policies, tenants.read)
        services = Services(
            pool=pool,
            runs=RunCatalog(pool),
            curves=CurveStore(pool),
            search=RunSearch(pool),
            comparisons=RunComparisons(pool),
            lineage=LineageStore(pool),
            costs=CostReader(pool, PolicyStore(pool)),
            reports=PostgresReportShelf(pool, store),
            evaluations=EvaluationStore(pool),
            candidates=CandidateFacts(pool),
            registry=RegistryStore(pool),
            artifacts=ArtifactCatalog(pool),
            announcements=BlobAnnouncements(pool),
            stored_files=StoredFiles(pool),
            artifact_store=store,
            blob_intake=store if isinstance(store, ArtifactFolder) else None,
            datasets=datasets,
            data_gate=DataGate(datasets, SuiteFolder(configuration.expectations)),
            budget_gate=PostgresBudgetGate(budgets, predictor, clock=clock),
            budgets=budgets,
            budget_reports=PostgresBudgetReports(pool, budgets),
            tokens=tokens,
            sweeps=sweeps,
            waits=SweepWaits(pool),
            batcher=Batcher(ingest, meters=meters),
            backlog=Backlog(limit_bytes=configuration.backlog_bytes),
            meters=meters,
            tenants=tenants,
            images=configuration.images,
            policies=policies,
            tags=TagStore(pool),
            notes=NoteStore(pool),
            portfolio=Portfolio(pool),
            retention=RetentionStore(pool),
            graveyard=PostgresGraveyard(pool),
            queue=queue,
            escalations=escalations,
            inventory=TenantInventory(
                tenants=tenants.read,
                policies=policies,
                queue=queue,
                budgets=budgets,
                escalations=escalations,
                sweeps=sweeps,
                attempts=LiveAttempts(pool),
                place_of=_place_as_declared if configuration.images else _no_place,
            ),
            storage_quotas=StorageQuotas(pool, policies),
            clock=clock,
            key=configuration.signing_key,
            body_seconds=configuration.body_seconds,
            public_url=configuration.public_url,
        )
        upkeep = Upkeep(
            RunUpkeep(pool),
            MetricStore(pool, clock=clock),
            RunSummaries(pool),
            meters=meters,
            sealing=configuration.sealing,
            silence=configuration.silence,
            period_seconds=configuration.upkeep_seconds,
        )
        cold = ColdStorage(pool, store) if isinstance(store, StoreWithClasses) else None
        store_upkeep = StoreUpkeep(store, BlobDeletion(pool, store), cold=cold, meters=meters)
        yield Gateway(services, upkeep=(upkeep, store_upkeep))


def _place_as_declared(directory: TenantDirectory, tenant_id: str) -> ClusterPlace:
    """What the tenant file says: a gateway is not told what else the platform is set to."""
    own = directory.cluster_of(tenant_id)
    return ClusterPlace(namespace=own.namespace, queue=None, quota=own.quota, pools=own.pools)


def _no_place(_: TenantDirectory, __: str) -> None:
    """Trials run on this machine."""
