"""Adapters for the record: sweeps, runs, artifacts, datasets, lineage."""

import functools
from typing import TYPE_CHECKING

from orchestration.connected import Connected
from sweeps.places import Place

if TYPE_CHECKING:
    from storage.annotations.notes import NoteStore
    from storage.annotations.tags import TagStore
    from storage.artifacts.blob_verification import BlobVerification
    from storage.artifacts.catalog import ArtifactCatalog
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
    from storage.runs.catalog import RunCatalog
    from storage.runs.comparisons import RunComparisons
    from storage.runs.reruns import RerunStore
    from storage.runs.search import RunSearch
    from storage.sweeps.catalog import SweepCatalog
    from storage.sweeps.claims import SweepClaims
    from storage.sweeps.graveyard import PostgresGraveyard
    from storage.sweeps.waits import SweepWaits
    from sweeps.blobs import ArtifactStore


class RecordStores(Connected):
    """Each is made when it is first used."""

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

    @functools.cached_property
    def waits(self) -> "SweepWaits":
        """Which sweeps wait for which."""
        from storage.sweeps.waits import SweepWaits

        return SweepWaits(self.pool)

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
    def reruns(self) -> "RerunStore":
        """Runs that repeat other runs."""
        from storage.runs.reruns import RerunStore

        return RerunStore(self.pool)

    @functools.cached_property
    def search(self) -> "RunSearch":
        """Runs by what they are."""
        from storage.runs.search import RunSearch

        return RunSearch(self.pool)

    @functools.cached_property
    def comparisons(self) -> "RunComparisons":
        """Runs side by side."""
        from storage.runs.comparisons import RunComparisons

        return RunComparisons(self.pool)

    @functools.cached_property
    def curves(self) -> "CurveStore":
        """Curves of runs."""
        from storage.points.curve_store import CurveStore

        return CurveStore(self.pool)

    @functools.cached_property
    def tags(self) -> "TagStore":
        """Tags of runs, sweeps and experiments."""
        from storage.annotations.tags import TagStore

        return TagStore(self.pool)

    @functools.cached_property
    def notes(self) -> "NoteStore":
        """Notes and links on them."""
        from storage.annotations.notes import NoteStore

        return NoteStore(self.pool)

    @functools.cached_property
    def graveyard(self) -> "PostgresGraveyard":
        """What sweeps that have ended have shown."""
        from storage.sweeps.graveyard import PostgresGraveyard

        return PostgresGraveyard(self.pool)

    @functools.cached_property
    def partition_subjects(self) -> "PostgresPartitionSubjects":
        """What Dagster's dynamic partitions are of."""
        from storage.partition_subjects import PostgresPartitionSubjects

        return PostgresPartitionSubjects(self.pool)

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
    def verification(self) -> "BlobVerification":
        """Whether the bytes are right."""
        from storage.artifacts.blob_verification import BlobVerification

        return BlobVerification(self.pool, self.artifact_store)

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
    def reproductions(self) -> "Reproductions":
        """Metrics of runs and of their reruns."""
        from storage.lineage.reproductions import Reproductions

        return Reproductions(self.pool)

    @functools.cached_property
    def openlineage(self) -> "OpenLineageOutbox":
        """Events that are to be sent."""
        from storage.lineage.openlineage import OpenLineageOutbox

        return OpenLineageOutbox(self.pool)

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
