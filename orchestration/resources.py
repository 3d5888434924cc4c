"""Resources: what the ops ask for by port, supplied by the platform's adapters.

They have no fields: addresses and secrets come from `orchestration.settings` at run time, so
importing the code location needs no environment and nothing secret shows in the UI.
"""

import contextlib
from collections.abc import Generator

import dagster as dg

from orchestration.platform import platform, watch_services
from storage.sweep_catalog import SweepCatalog
from storage.trial_store import PostgresTrialStore
from sweeps.ports import Courier, Credentials, SweepLog, SweepSteering, TrialLauncher, TrialStore


class TrialStoreResource(dg.ConfigurableResource[TrialStore]):
    """The controller's record."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[TrialStore, None, None]:
        """A store on the process's pool."""
        yield PostgresTrialStore(platform().pool)


class SweepCatalogResource(dg.ConfigurableResource[SweepLog]):
    """Sweeps as people submit and steer them."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[SweepLog, None, None]:
        """A catalogue on the process's pool."""
        yield SweepCatalog(platform().pool)


class SweepSteeringResource(dg.ConfigurableResource[SweepSteering]):
    """The same catalogue, for whoever may only ask."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[SweepSteering, None, None]:
        """A catalogue on the process's pool."""
        yield SweepCatalog(platform().pool)


class LauncherResource(dg.ConfigurableResource[TrialLauncher]):
    """Where trials execute."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[TrialLauncher, None, None]:
        """The local launcher of the home, and whoever keeps up what its trials report to."""
        watch_services()
        yield platform().launcher


class CredentialsResource(dg.ConfigurableResource[Credentials]):
    """Run tokens."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[Credentials, None, None]:
        """Signs with the platform's key."""
        yield platform().credentials


class CourierResource(dg.ConfigurableResource[Courier]):
    """Who sends what scripts left behind."""

    @contextlib.contextmanager
    def yield_for_execution(
        self,
        context: dg.InitResourceContext,  # noqa: ARG002 - Dagster's signature
    ) -> Generator[Courier, None, None]:
        """The courier of the home's spools."""
        yield platform().courier


def resources() -> dict[str, object]:
    """Every resource, by the name that ops ask for."""
    return {
        "trial_store": TrialStoreResource(),
        "sweep_log": SweepCatalogResource(),
        "steering": SweepSteeringResource(),
        "launcher": LauncherResource(),
        "credentials": CredentialsResource(),
        "courier": CourierResource(),
    }
