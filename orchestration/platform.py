"""The platform as one process sees it: services found or started, adapters on top of them.

Everything is made when it is first used: a command that only reads never imports Dagster.
"""

import contextlib
import datetime as dt
import functools
import secrets
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING

from governance.page_access import PageGrant, signed_link
from orchestration.dagster_outages import dagster_outages
from orchestration.home_status import status
from orchestration.named_databases import prove_named
from orchestration.services import Services, connect
from orchestration.settings import (
    InvalidSetting,
    Settings,
    export,
    inherited_environment,
)
from orchestration.supervisor.finding import ServicesDown
from orchestration.supervisor.ports import LOOPBACK, PortBook
from sweeps.errors import StorageUnavailable
from sweeps.ids import AttemptId, SweepId, TenantId
from sweeps.places import Place

if TYPE_CHECKING:
    import dagster as dg

    from compute.kubernetes.api import ClusterApi
    from compute.kubernetes.launcher import KubernetesLauncher
    from compute.kubernetes.log_keeper import LogKeeper
    from compute.local_launcher import LocalLauncher
    from compute.spool_courier import SpoolCourier
    from orchestration.cluster.tenant_policies import TenantPolicies
    from orchestration.gateway_credentials import GatewayCredentials
    from storage.annotations.notes import NoteStore
    from storage.annotations.tags import TagStore
    from storage.artifacts.blob_verification import BlobVerification
    from storage.artifacts.catalog import ArtifactCatalog
    from storage.budgets.gate import PostgresBudgetGate
    from storage.budgets.predictions import PostgresPredictor
    from storage.budgets.reports import PostgresBudgetReports
    from storage.budgets.store import BudgetStore
    from storage.budgets.watch import PostgresBudgetWatch
    from storage.cost.ledger import CostLedger
    from storage.cost.reader import CostReader
    from storage.database import Pool
    from storage.datasets.catalog import DatasetCatalog
    from storage.datasets.gate import DataGate
    from storage.datasets.inspection import DataInspection
    from storage.datasets.suite_folder import SuiteFolder
    from storage.lineage.checks import PostgresLineageChecks
    from storage.lineage.graph import LineageStore
    from storage.lineage.openlineage import OpenLineageOutbox
    from storage.lineage.reproductions import Reproductions
    from storage.partition_subjects import PostgresPartitionSubjects
    from storage.points.curve_store import CurveStore
    from storage.policy_store import PolicyStore
    from storage.promotion.candidate_facts import CandidateFacts
    from storage.promotion.evaluations import EvaluationStore
    from storage.promotion.registry import RegistryStore
    from storage.queue.admissions import PostgresAdmissionDesk
    from storage.queue.view import QueueView
    from storage.reports.facts import PostgresReportFacts
    from storage.reports.shelf import PostgresReportShelf
    from storage.retention.holds import HoldStore
    from storage.retention.keeper import PostgresRetentionKeeper
    from storage.runs.catalog import RunCatalog
    from storage.runs.comparisons import RunComparisons
    from storage.runs.reruns import RerunStore
    from storage.runs.search import RunSearch
    from storage.sweeps.catalog import SweepCatalog
    from storage.sweeps.claims import SweepClaims
    from storage.sweeps.graveyard import PostgresGraveyard
    from storage.sweeps.trials import PostgresTrialStore
    from sweeps.blobs import ArtifactStore
    from sweeps.ports import LogArchive, LogReader, TrialLauncher

_LINK_LIFETIME = dt.timedelta(seconds=60)
_RESTART_SECONDS = 15.0  # for a database of a home that recovers from a crash
_LOOK_SECONDS = 0.2
STOPPED = 75  #: exit code of a controller whose services were taken away: EX_TEMPFAIL


class Platform:
    """Adapters of this process; one connection pool, one launcher."""

    def __init__(self, found: Services, stack: contextlib.ExitStack) -> None:
        self.services = found
        self.settings = found.settings
        self._stack = stack

    @property
    def dagster_database_url(self) -> str:
        """Dagster's own database."""
        url = self.services.dagster_database_url
        if url is None:
            raise InvalidSetting(
                "SWEEPWORKS_DAGSTER_DATABASE_URL",
                "",
                hint="with SWEEPWORKS_DATABASE_URL set, write the URL of Dagster's own database",
            )
        return url

    @functools.cached_property
    def pool(self) -> "Pool":
        """Connections to our database."""
        from storage.database import open_pool
        from storage.schema_state import prepare_schema

        url = self.services.database_url
        if not self.settings.is_supervised:  # else the supervisor has done it
            prove_named("SWEEPWORKS_DATABASE_URL", url)
            prepare_schema(url)
        give_up_at = time.monotonic() + _RESTART_SECONDS
        while True:
            try:
                return self._stack.enter_context(open_pool(url))
            except StorageUnavailable:
                # The supervisor starts a database that has died again within a second or two.
                is_lost = not self.settings.is_supervised or self.is_down
                if is_lost or time.monotonic() >= give_up_at:
                    raise
            time.sleep(_LOOK_SECONDS)

    @functools.cached_property
    def catalog(self) -> "SweepCatalog":
        """Sweeps as people see them."""
        from storage.sweeps.catalog import SweepCatalog

        return SweepCatalog(self.pool)

    @functools.cached_property
    def claims(self) -> "SweepClaims":
        """Who starts a sweep's controller; for this home."""
        from storage.sweeps.claims import SweepClaims

        return SweepClaims(self.pool, place=self.place)

    @property
    def place(self) -> Place:
        """Where trials run: all that look after a cluster's trials see the same ones."""
        cluster = self.settings.cluster
        if cluster is None:
            return self.settings.home.place()
        name = f"installation {cluster.installation} in namespaces {cluster.namespace}"
        return Place(key=f"kubernetes:{name}", name=f"Kubernetes, {name}")

    @functools.cached_property
    def runs(self) -> "RunCatalog":
        """Runs, in sweeps or not."""
        from storage.runs.catalog import RunCatalog

        return RunCatalog(self.pool)

    @functools.cached_property
    def artifacts(self) -> "ArtifactCatalog":
        """Which artifacts there are."""
        from storage.artifacts.catalog import ArtifactCatalog

        return ArtifactCatalog(self.pool)

    @functools.cached_property
    def artifact_store(self) -> "ArtifactStore":
        """Their bytes."""
        from storage.artifacts.location import location_in, open_store

        return open_store(location_in(self.settings.exported()))

    @functools.cached_property
    def retention(self) -> "PostgresRetentionKeeper":
        """Plans of what is to go, and who carries them out."""
        from storage.retention.keeper import PostgresRetentionKeeper

        return PostgresRetentionKeeper(self.pool, self.artifact_store)

    @functools.cached_property
    def holds(self) -> "HoldStore":
        """Orders to keep something."""
        from storage.retention.holds import HoldStore

        return HoldStore(self.pool)

    @functools.cached_property
    def verification(self) -> "BlobVerification":
        """Whether the bytes are right."""
        from storage.artifacts.blob_verification import BlobVerification

        return BlobVerification(self.pool, self.artifact_store)

    @functools.cached_property
    def reruns(self) -> "RerunStore":
        """Runs that repeat other runs."""
        from storage.runs.reruns import RerunStore

        return RerunStore(self.pool)

    @functools.cached_property
    def reproductions(self) -> "Reproductions":
        """Metrics of runs and of their reruns."""
        from storage.lineage.reproductions import Reproductions

        return Reproductions(self.pool)

    @functools.cached_property
    def search(self) -> "RunSearch":
        """Runs by what they are."""
        from storage.runs.search import RunSearch

        return RunSearch(self.pool)

    @functools.cached_property
    def evaluations(self) -> "EvaluationStore":
        """Evaluations of candidates."""
        from storage.promotion.evaluations import EvaluationStore

        return EvaluationStore(self.pool)

    @functools.cached_property
    def registry(self) -> "RegistryStore":
        """Models, their versions and aliases."""
        from storage.promotion.registry import RegistryStore

        return RegistryStore(self.pool)

    @functools.cached_property
    def candidates(self) -> "CandidateFacts":
        """What is known of runs that may become models."""
        from storage.promotion.candidate_facts import CandidateFacts

        return CandidateFacts(self.pool)

    @functools.cached_property
    def tags(self) -> "TagStore":
        """Tags of runs, sweeps and experiments."""
        from storage.annotations.tags import TagStore

        return TagStore(self.pool)

    @functools.cached_property
    def graveyard(self) -> "PostgresGraveyard":
        """What sweeps that have ended have shown."""
        from storage.sweeps.graveyard import PostgresGraveyard

        return PostgresGraveyard(self.pool)

    @functools.cached_property
    def notes(self) -> "NoteStore":
        """Notes and links on them."""
        from storage.annotations.notes import NoteStore

        return NoteStore(self.pool)

    @functools.cached_property
    def comparisons(self) -> "RunComparisons":
        """Runs side by side."""
        from storage.runs.comparisons import RunComparisons

        return RunComparisons(self.pool)

    @functools.cached_property
    def costs(self) -> "CostLedger":
        """What everything costs."""
        from storage.cost.ledger import CostLedger

        return CostLedger(self.pool, self.policies)

    @functools.cached_property
    def cost_reader(self) -> "CostReader":
        """The same as people ask for it."""
        from storage.cost.reader import CostReader

        return CostReader(self.pool, self.policies)

    @functools.cached_property
    def curves(self) -> "CurveStore":
        """Curves of runs."""
        from storage.points.curve_store import CurveStore

        return CurveStore(self.pool)

    @functools.cached_property
    def lineage(self) -> "LineageStore":
        """What came out of what."""
        from storage.lineage.graph import LineageStore

        return LineageStore(self.pool)

    @functools.cached_property
    def lineage_checks(self) -> "PostgresLineageChecks":
        """Whether runs, their files and their lineage are what they have to be."""
        from storage.lineage.checks import PostgresLineageChecks

        return PostgresLineageChecks(self.pool, lambda: self.artifact_store)

    @functools.cached_property
    def openlineage(self) -> "OpenLineageOutbox":
        """Events that are to be sent."""
        from storage.lineage.openlineage import OpenLineageOutbox

        return OpenLineageOutbox(self.pool)

    @functools.cached_property
    def policies(self) -> "PolicyStore":
        """What the installation decided."""
        from storage.policy_store import PolicyStore

        return PolicyStore(self.pool)

    @functools.cached_property
    def report_facts(self) -> "PostgresReportFacts":
        """What reports are put together from."""
        from storage.reports.facts import PostgresReportFacts

        return PostgresReportFacts(self.pool)

    @functools.cached_property
    def report_shelf(self) -> "PostgresReportShelf":
        """Reports that were made."""
        from storage.reports.shelf import PostgresReportShelf

        return PostgresReportShelf(self.pool)

    @functools.cached_property
    def partition_subjects(self) -> "PostgresPartitionSubjects":
        """What Dagster's dynamic partitions are of."""
        from storage.partition_subjects import PostgresPartitionSubjects

        return PostgresPartitionSubjects(self.pool)

    @functools.cached_property
    def budgets(self) -> "BudgetStore":
        """Where budgets stand."""
        from storage.budgets.store import BudgetStore

        return BudgetStore(self.pool, self.policies)

    @functools.cached_property
    def predictor(self) -> "PostgresPredictor":
        """What attempts will take and cost."""
        from storage.budgets.predictions import PostgresPredictor

        return PostgresPredictor(self.pool, book=lambda: self.budgets.book)

    @functools.cached_property
    def budget_watch(self) -> "PostgresBudgetWatch":
        """What budgets mean for sweeps that run."""
        from storage.budgets.watch import PostgresBudgetWatch

        return PostgresBudgetWatch(self.pool, self.budgets, self.predictor, self.budget_reports)

    @functools.cached_property
    def budget_gate(self) -> "PostgresBudgetGate":
        """Whether sweeps can ever be paid for."""
        from storage.budgets.gate import PostgresBudgetGate

        return PostgresBudgetGate(self.pool, self.budgets, self.predictor)

    @functools.cached_property
    def budget_reports(self) -> "PostgresBudgetReports":
        """All budgets, and warnings about them."""
        from storage.budgets.reports import PostgresBudgetReports

        return PostgresBudgetReports(self.pool, self.budgets)

    @functools.cached_property
    def datasets(self) -> "DatasetCatalog":
        """Versions of datasets."""
        from storage.datasets.catalog import DatasetCatalog

        return DatasetCatalog(self.pool)

    @functools.cached_property
    def suites(self) -> "SuiteFolder":
        """What is expected of datasets."""
        from storage.datasets.suite_folder import SuiteFolder

        return SuiteFolder(self.settings.expectations)

    @functools.cached_property
    def inspection(self) -> "DataInspection":
        """Looks at data."""
        from storage.datasets.inspection import DataInspection

        return DataInspection(self.datasets, self.suites)

    @functools.cached_property
    def data_gate(self) -> "DataGate":
        """Which versions sweeps get."""
        from storage.datasets.gate import DataGate

        return DataGate(
            self.datasets,
            self.suites,
            inspector=self.inspection,
            is_here=self.settings.cluster is None,
        )

    def page_link(self, path: str, tenant_id: TenantId) -> str:
        """Address of a page of the gateway that opens once, within a minute.

        Raises:
            InvalidSetting: Nobody has said where the gateway is.
        """
        url = self.settings.public_url or self.settings.gateway_url
        if url is None:
            raise InvalidSetting(
                "SWEEPWORKS_GATEWAY_URL", "", hint="set it to the gateway's address"
            )
        grant = PageGrant(
            tenant_id=tenant_id,
            path=path,
            nonce=secrets.token_urlsafe(16),
            expires_at=dt.datetime.now(dt.UTC) + _LINK_LIFETIME,
        )
        return url.rstrip("/") + signed_link(grant, key=self.settings.signing_key())

    @functools.cached_property
    def trial_store(self) -> "PostgresTrialStore":
        """Sweeps as their controllers see them."""
        from storage.lineage.origins import Launching
        from storage.sweeps.trials import PostgresTrialStore

        cluster = self.settings.cluster
        launching = (
            Launching(launcher="local", image=self.settings.image)
            if cluster is None
            else Launching(launcher="kubernetes", image=cluster.image or None)
        )
        return PostgresTrialStore(self.pool, launching=launching)

    @functools.cached_property
    def desk(self) -> "PostgresAdmissionDesk":
        """Who lets attempts start."""
        from storage.queue.admissions import PostgresAdmissionDesk

        return PostgresAdmissionDesk(
            self.pool,
            self.policies,
            predict=self.predictor,
            predict_rerun=self.predictor.of_rerun,
            budgets=self.budgets,
            is_elsewhere=self.is_admitted_by_kueue,
        )

    @functools.cached_property
    def queue(self) -> "QueueView":
        """Who waits to be admitted, and what everybody holds."""
        from storage.queue.view import QueueView

        return QueueView(self.pool, self.policies)

    def is_admitted_by_kueue(self, tenant_id: str) -> bool:
        """Whether a queue of the cluster admits what a tenant starts."""
        return self.settings.cluster is not None and bool(self.tenant_policies.queue_of(tenant_id))

    @functools.cached_property
    def launcher(self) -> "TrialLauncher":
        """Executes trials, on this machine or in a cluster."""
        if self.settings.cluster is None:
            return self.launcher_with(inherited_environment())
        return self.cluster_launcher

    @functools.cached_property
    def cluster_launcher(self) -> "KubernetesLauncher":
        """Executes trials in the cluster."""
        from orchestration.cluster.services import trial_launcher

        assert self.settings.cluster is not None  # whoever asks has looked
        launcher = trial_launcher(
            self.settings.cluster,
            self.cluster_api,
            self.tenant_of,
            policies=self.tenant_policies,
            pins=self.catalog,
        )
        self._stack.callback(launcher.close)
        return launcher

    @functools.cached_property
    def cluster_api(self) -> "ClusterApi":
        """The API server of the cluster that trials run in."""
        from orchestration.cluster.services import cluster_api

        assert self.settings.cluster is not None  # whoever asks has looked
        return cluster_api(self.settings.cluster)

    @functools.cached_property
    def tenant_policies(self) -> "TenantPolicies":
        """What the tenant file says of trials in the cluster."""
        from orchestration.cluster.tenant_policies import TenantPolicies
        from storage.tenant_file import TenantFile

        assert self.settings.cluster is not None  # whoever asks has looked
        return TenantPolicies(self.settings.cluster, TenantFile(self.settings.tenants_file).read)

    @functools.cache  # noqa: B019  as long as the process
    def tenant_of(self, sweep_id: SweepId) -> str:
        """Whose sweep it is."""
        return self.catalog.get(sweep_id).spec.tenant

    def launcher_with(self, environment: Mapping[str, str]) -> "LocalLauncher":
        """Executes on this machine what inherits another environment than this process'."""
        from compute.capacity import Machine
        from compute.gpu_slots import GpuSlots, local_devices
        from compute.local_launcher import LocalLauncher

        home = self.settings.home
        asked = self.settings.gpus
        devices = local_devices() if asked is None else tuple(d for d in asked.split(",") if d)
        return LocalLauncher(
            root=home.runs,
            slots=GpuSlots(home.gpus, devices),
            machine=Machine.this(),
            environment=environment,
            hold_file=home.clients_lock,
        )

    @functools.cached_property
    def logs(self) -> "LogReader":
        """What trials have printed."""
        if self.settings.cluster is not None:
            from orchestration.cluster.services import cluster_logs

            return cluster_logs(
                self.settings.cluster,
                self.cluster_api,
                self.log_archive,
                self.tenant_of,
                policies=self.tenant_policies,
            )
        from compute.local_logs import LocalLogs

        return LocalLogs(self.settings.home.runs)

    @functools.cached_property
    def log_archive(self) -> "LogArchive":
        """What trials had printed when they ended, where their machines are not this one."""
        from storage.artifacts.log_archive import ArtifactLogs

        return ArtifactLogs(self.artifacts, self.artifact_store)

    @functools.cached_property
    def log_keeper(self) -> "LogKeeper":
        """Fills the archive, in a controller of trials in a cluster."""
        from orchestration.cluster.services import log_keeper

        return log_keeper(self.cluster_launcher, self.cluster_api, self.log_archive, self.tenant_of)

    @functools.cached_property
    def credentials(self) -> "GatewayCredentials":
        """Run tokens for trials."""
        from orchestration.gateway_credentials import GatewayCredentials

        return GatewayCredentials(self.settings)

    @functools.cached_property
    def courier(self) -> "SpoolCourier":
        """Sends what trials on this machine could not send before they ended."""
        from compute.spool_courier import SpoolCourier

        return SpoolCourier(self.settings.home.spool, credentials=self.credentials)

    @functools.cached_property
    def dagster_instance(self) -> "dg.DagsterInstance":
        """The instance that the UI shows."""
        import dagster as dg

        self.prove_dagster_database()
        export(self.services.variables())  # Dagster reads DAGSTER_HOME
        with dagster_outages():
            return self._stack.enter_context(dg.DagsterInstance.get())

    def prove_dagster_database(self) -> None:
        """Connect once: Dagster itself tries for seconds, warns of every try, ends in a traceback.

        Raises:
            StorageUnavailable: Its database does not answer.
        """
        url = self.services.dagster_database_url
        if not self.settings.is_supervised and url is not None:
            prove_named("SWEEPWORKS_DAGSTER_DATABASE_URL", url.replace("+psycopg2", "", 1))

    @property
    def is_down(self) -> bool:
        """Whether a person has stopped the embedded services."""
        return status(self.settings).is_down

    @property
    def has_daemon(self) -> bool:
        """Whether a Dagster daemon is up, now; beside servers of one's own there has to be one."""
        if not self.settings.is_supervised:
            return True
        supervisor = status(self.settings).supervisor
        return supervisor is not None and supervisor.webserver_url is not None

    @property
    def has_worker_processes(self) -> bool:
        """Whether Dagster runs are processes of this machine; elsewhere the daemon launches them."""
        launcher = self.dagster_instance.get_ref().run_launcher_data
        return launcher is not None and launcher.class_name == "ProcessRunLauncher"

    @property
    def webserver_url(self) -> str | None:
        """Dagster's UI while it is up."""
        return self.services.webserver_url

    @property
    def ui_url(self) -> str:
        """Where Dagster's UI is, or will be once it is up."""
        return self.webserver_url or f"http://{LOOPBACK}:{self.port('webserver', default=3000)}"

    def port(self, service: str, *, default: int) -> int:
        """Port of ``webserver`` or ``code_server``, also while they are down: they keep it."""
        return PortBook(self.settings.home.ports_file).known(service) or default

    def live_attempts(self, sweep_id: SweepId, attempt_ids: Iterable[AttemptId]) -> set[AttemptId]:
        """Those of the attempts that have not ended."""
        statuses = self.launcher.poll(sweep_id, attempt_ids)
        return {attempt_id for attempt_id, status in statuses.items() if status.exit is None}


@contextlib.contextmanager
def open_platform(
    *, progress: Callable[[str], None] | None = None, up: bool = False, by_person: bool = True
) -> Generator[Platform, None, None]:
    """The platform for the length of a command.

    Args:
        by_person: See `services.connect`.

    Raises:
        SweepsError: The services do not start; one sentence says why and what to do.
    """
    with contextlib.ExitStack() as stack:
        found = connect(Settings.from_environment(), progress, up=up, by_person=by_person)
        stack.callback(found.close)
        yield Platform(found, stack)


@functools.cache
def platform() -> Platform:
    """The platform for the life of this process: for Dagster, which asks from many places.

    A controller that finds its services stopped by a person ends here.
    """
    settings = Settings.from_environment()
    try:
        found = connect(settings, by_person=not settings.is_controller)
    except ServicesDown as exc:
        if not settings.is_controller:
            raise
        sys.stderr.write(f"{exc}; trials go on\n")
        raise SystemExit(STOPPED) from exc
    return Platform(found, contextlib.ExitStack())
