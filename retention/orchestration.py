"""What of Dagster's own records goes, and what stays whatever its age."""

import datetime as dt
import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import check_storable
from sweeps.sweep_files.quantities import Duration
from sweeps.sweep_files.reading import Reader
from sweeps.sweep_files.sections import Field, Section
from sweeps.sweep_files.yaml_documents import read_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestrationPolicy:
    """For how long Dagster's records are kept."""

    dagster_runs: dt.timedelta = dt.timedelta(days=60)  #: after they ended, with their events
    ticks: dt.timedelta = dt.timedelta(days=30)  #: of schedules and sensors
    partitions: dt.timedelta = dt.timedelta(
        days=180
    )  #: of sweeps that ended, of old versions of data
    at_most: dt.timedelta = dt.timedelta(minutes=30)  #: that a purge takes; the next one goes on


_FILE = Section(
    doc="For how long Dagster's own records are kept.",
    fields={
        "dagster_runs": Field(
            kind=Duration(), doc="Dagster runs that are over, with their events.", default="60d"
        ),
        "ticks": Field(kind=Duration(), doc="Ticks of schedules and sensors.", default="30d"),
        "partitions": Field(
            kind=Duration(), doc="Of sweeps that ended, and old versions.", default="180d"
        ),
        "at_most": Field(kind=Duration(), doc="That a purge may take.", default="30m"),
    },
)


def parse_orchestration_policy(text: str, *, source: str) -> OrchestrationPolicy:
    """The policy of a file.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="file of the policy orchestration")
    check_storable(document, source=source)
    reader = Reader(document)
    found = _FILE.read(reader, (), {} if document.value is None else document.value)
    reader.raise_problems(source)
    assert found is not None  # or there was a problem
    return OrchestrationPolicy(**found)


ORCHESTRATION = PolicyKind(
    "orchestration", "retention.policies", parse_orchestration_policy, least="dagster_runs: 60d"
)


class WhyKept(enum.StrEnum):
    """Why an old Dagster run stays."""

    UNFINISHED = "it goes on"
    YOUNG = "it ended not long ago"
    OPEN_BACKFILL = "its backfill goes on"
    LAST_MATERIALIZATION = "it holds the last materialization of something"
    LAST_OF_JOB = "it is the last one of its job, or of its partition"
    REPEATED = "a later Dagster run repeats it"


@dataclass(frozen=True, slots=True, kw_only=True)
class DagsterRunFacts:
    """What decides about a Dagster run."""

    dagster_run_id: str
    ended_at: dt.datetime | None  #: None while it goes on
    has_last_materialization: bool  #: of an asset, or of a partition that is there
    is_last_of_job: bool
    is_last_of_partition: bool  #: one that is there
    is_repeated: bool  #: others name it as the one that they repeat
    has_open_backfill: bool


def why_kept(run: DagsterRunFacts, *, ended_before: dt.datetime) -> WhyKept | None:
    """The first reason for which it stays; None when it goes."""
    if run.ended_at is None:
        return WhyKept.UNFINISHED
    if run.ended_at >= ended_before:
        return WhyKept.YOUNG
    if run.has_open_backfill:
        return WhyKept.OPEN_BACKFILL
    if run.has_last_materialization:
        return WhyKept.LAST_MATERIALIZATION
    if run.is_last_of_job or run.is_last_of_partition:
        return WhyKept.LAST_OF_JOB
    if run.is_repeated:
        return WhyKept.REPEATED
    return None


@dataclass(frozen=True, slots=True)
class VersionName:
    """A version of a dataset, as a partition names it."""

    tenant_id: str
    name: str
    number: int


class PartitionSubjects(Protocol):
    """What dynamic partitions are of: sweeps, evaluations, and versions of datasets."""

    def ended_sweeps(self, sweep_ids: Sequence[str], *, before: dt.datetime) -> set[str]:
        """Those of them that ended before then, or that there are none of."""
        ...

    def ended_evaluations(self, evaluation_ids: Sequence[str], *, before: dt.datetime) -> set[str]:
        """Those of them that ended before then, or that there are none of."""
        ...

    def old_versions(
        self, versions: Sequence[VersionName], *, before: dt.datetime
    ) -> set[VersionName]:
        """Those that are not the newest of their dataset, and that nobody has used since then.

        A version that there is none of is among them.
        """
        ...

    def known_versions(self, versions: Collection[VersionName]) -> set[VersionName]:
        """Those that there are."""
        ...
