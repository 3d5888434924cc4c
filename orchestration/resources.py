"""Resources: what the ops ask for by port, supplied by the platform's adapters.

They have no fields: addresses and secrets come from `orchestration.settings` at run time, so
importing the code location needs no environment and nothing secret shows in the UI.
"""

import contextlib
import os
from collections.abc import Generator

import dagster as dg

from governance.budgets.report import BudgetReports
from governance.cost.books import CostBooks
from governance.features.policy import FeatureFlags
from governance.lineage.rules import LineageChecks
from governance.promotion.evaluations import CandidateEvaluations, EvaluationLog
from governance.quotas.escalations import Escalations
from governance.reports.facts import ReportFacts
from governance.reports.shelf import ReportShelf
from orchestration.platform import platform
from orchestration.promotion.evaluations import PlatformEvaluations
from orchestration.settings import Settings
from orchestration.watching import watched_services
from orchestration.workers import home_tags, process_tags
from retention.keeping import RetentionKeeper
from retention.system_metrics import SystemMetrics
from retention.tiers import MetricTiers
from storage.points.rollups import PostgresMetricTiers
from storage.points.system_points import PostgresSystemMetrics
from storage.sweeps.catalog import SweepCatalog
from sweeps.datasets import DatasetInspector, DatasetLog
from sweeps.graveyard.entry import Graveyard
from sweeps.ports import (
    AdmissionDesk,
    BudgetWatch,
    Courier,
    Credentials,
    SweepClaims,
    SweepLog,
    SweepSteering,
    TrialLauncher,
    TrialStore,
)

_LAST_LOGS_SECONDS = 10.0  # that logs of a cancelled sweep have to be kept


class TrialStoreResource(dg.ConfigurableResource[TrialStore]):
    """The controller's record."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[TrialStore, None, None]:
        """A store on the process's pool."""
        yield platform().trial_store


class SweepCatalogResource(dg.ConfigurableResource[SweepLog]):
    """Sweeps as people submit them."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[SweepLog, None, None]:
        """A catalogue on the process's pool."""
        yield SweepCatalog(platform().pool)


class DatasetLogResource(dg.ConfigurableResource[DatasetLog]):
    """Versions of datasets."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[DatasetLog, None, None]:
        """A catalogue on the process's pool."""
        yield platform().datasets


class InspectionResource(dg.ConfigurableResource[DatasetInspector]):
    """Who looks at data."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[DatasetInspector, None, None]:
        """One on the process's pool."""
        yield platform().inspection


class SweepClaimsResource(dg.ConfigurableResource[SweepClaims]):
    """Who controls a sweep, as far as this home is concerned."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[SweepClaims, None, None]:
        """Claims on the process's pool."""
        yield platform().claims


class SweepSteeringResource(dg.ConfigurableResource[SweepSteering]):
    """The same catalogue, for whoever may only ask."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[SweepSteering, None, None]:
        """A catalogue on the process's pool."""
        yield SweepCatalog(platform().pool)


class MetricTiersResource(dg.ConfigurableResource[MetricTiers]):
    """The tiers of metric points."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[MetricTiers, None, None]:
        """Tiers on the process's pool."""
        yield PostgresMetricTiers(platform().pool)


class SystemMetricsResource(dg.ConfigurableResource[SystemMetrics]):
    """What is measured beside the training."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[SystemMetrics, None, None]:
        """Those of the process's pool."""
        yield PostgresSystemMetrics(platform().pool)


class RetentionKeeperResource(dg.ConfigurableResource[RetentionKeeper]):
    """Who keeps the installation to its retention policy."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[RetentionKeeper, None, None]:
        """One on the process's pool and artifact store."""
        yield platform().retention


class GraveyardResource(dg.ConfigurableResource[Graveyard]):
    """Pages of sweeps that have ended."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[Graveyard, None, None]:
        """Those of the process's pool."""
        yield platform().graveyard


class LineageChecksResource(dg.ConfigurableResource[LineageChecks]):
    """Whether runs, their files and their lineage are what they have to be."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[LineageChecks, None, None]:
        """Checks on the process's pool and artifact store."""
        yield platform().lineage_checks


class ReportFactsResource(dg.ConfigurableResource[ReportFacts]):
    """What reports are put together from."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[ReportFacts, None, None]:
        """Those of the process's pool."""
        yield platform().report_facts


class ReportShelfResource(dg.ConfigurableResource[ReportShelf]):
    """Where reports are kept."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[ReportShelf, None, None]:
        """That of the process's pool and artifact store."""
        yield platform().report_shelf


class CostBooksResource(dg.ConfigurableResource[CostBooks]):
    """The ledger."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[CostBooks, None, None]:
        """The ledger on the process's pool."""
        yield platform().costs


class BudgetWatchResource(dg.ConfigurableResource[BudgetWatch]):
    """What sweeps may still spend."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[BudgetWatch, None, None]:
        """On the process's pool."""
        yield platform().budget_watch


class BudgetReportsResource(dg.ConfigurableResource[BudgetReports]):
    """Where all budgets stand."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[BudgetReports, None, None]:
        """On the process's pool."""
        yield platform().budget_reports


class FeaturesResource(dg.ConfigurableResource[FeatureFlags]):
    """What is switched on."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[FeatureFlags, None, None]:
        """By what is applied, on the process's pool."""
        yield platform().features


class EscalationsResource(dg.ConfigurableResource[Escalations]):
    """Violations of quotas, and who is told of them."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[Escalations, None, None]:
        """On the process's pool."""
        yield platform().escalations


class LauncherResource(dg.ConfigurableResource[TrialLauncher]):
    """Where trials execute."""

    @contextlib.contextmanager
    def yield_for_execution(
        self, context: dg.InitResourceContext
    ) -> Generator[TrialLauncher, None, None]:
        """The local launcher of the home; for a controller, what its trials need is kept up."""
        launcher = platform().launcher
        with _looked_after(context):
            yield launcher


class CredentialsResource(dg.ConfigurableResource[Credentials]):
    """Run tokens."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[Credentials, None, None]:
        """Signs with the platform's key."""
        yield platform().credentials


class EvaluationLogResource(dg.ConfigurableResource[EvaluationLog]):
    """Evaluations as they are asked for."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[EvaluationLog, None, None]:
        """A store on the process's pool."""
        yield platform().evaluations


class CandidateEvaluationsResource(dg.ConfigurableResource[CandidateEvaluations]):
    """Evaluations as they are worked on."""

    @contextlib.contextmanager
    def yield_for_execution(
        self, context: dg.InitResourceContext
    ) -> Generator[CandidateEvaluations, None, None]:
        """Steps on the process's stores; what their runs need is kept up meanwhile."""
        with _looked_after(context):
            yield PlatformEvaluations(platform())


class CourierResource(dg.ConfigurableResource[Courier]):
    """Who brings home what scripts left behind."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[Courier, None, None]:
        """The courier of the home's spools; for trials in a cluster, the keeper of their logs."""
        here = platform()
        if here.settings.cluster is None:
            yield here.courier
            return
        yield here.log_keeper
        here.log_keeper.finish(within_seconds=_LAST_LOGS_SECONDS)


class AdmissionDeskResource(dg.ConfigurableResource[AdmissionDesk]):
    """Who lets attempts start."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[AdmissionDesk, None, None]:
        """A desk on the process's pool."""
        yield platform().desk


@contextlib.contextmanager
def _looked_after(context: dg.InitResourceContext) -> Generator[None, None, None]:
    """In a process of a Dagster run: services are kept up, and it is known which process it is."""
    settings = Settings.from_environment()
    if not settings.is_controller or context.run_id is None or context.instance is None:
        yield
        return
    # The run's launcher has done so; see there why once more.
    tags = {**home_tags(settings.home), **process_tags(os.getpid())}
    context.instance.add_run_tags(context.run_id, tags)
    with watched_services():
        yield


def resources() -> dict[str, object]:
    """Every resource, by the name that ops ask for."""
    return {
        "trial_store": TrialStoreResource(),
        "sweep_log": SweepCatalogResource(),
        "sweep_claims": SweepClaimsResource(),
        "steering": SweepSteeringResource(),
        "dataset_log": DatasetLogResource(),
        "inspection": InspectionResource(),
        "metric_tiers": MetricTiersResource(),
        "system_points": SystemMetricsResource(),
        "retention_keeper": RetentionKeeperResource(),
        "graveyard": GraveyardResource(),
        "lineage_checks": LineageChecksResource(),
        "report_facts": ReportFactsResource(),
        "report_shelf": ReportShelfResource(),
        "cost_books": CostBooksResource(),
        "budgets": BudgetWatchResource(),
        "budget_reports": BudgetReportsResource(),
        "escalations": EscalationsResource(),
        "launcher": LauncherResource(),
        "credentials": CredentialsResource(),
        "courier": CourierResource(),
        "desk": AdmissionDeskResource(),
        "evaluation_log": EvaluationLogResource(),
        "candidate_evaluations": CandidateEvaluationsResource(),
        "features": FeaturesResource(),
    }
