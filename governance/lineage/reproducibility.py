"""Which share of runs can be made again, and what the rest lacks. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from governance.lineage.facts import RunFacts
from governance.lineage.rules import of_run
from governance.periods import Period, day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproducibility:
    """Finished runs, counted. A run may lack several things, or nothing and be dirty all the same."""

    runs: int
    captured: int  #: that the rules find nothing wrong with
    dirty: int  #: whose work tree differed from its commit
    without_code: int  #: or whose code cannot be made again
    without_environment: int
    unversioned_data: int  #: into which no version of any data went, as far as is recorded
    mutable_image: int  #: in an image without a digest
    unseeded: int  #: whose seeds were not set

    @property
    def captured_share(self) -> float | None:
        """From 0 to 1; None without runs."""
        return self.captured / self.runs if self.runs else None

    def counts(self) -> Mapping[str, int]:
        """By name, in the order of a table."""
        return {
            "fully captured": self.captured,
            "with changes to the commit": self.dirty,
            "without whole code": self.without_code,
            "without environment": self.without_environment,
            "on unversioned data": self.unversioned_data,
            "on a mutable image": self.mutable_image,
            "unseeded": self.unseeded,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """Runs that ended in one day or week."""

    begins: dt.date
    report: Reproducibility


def reproducibility(runs: Iterable[RunFacts]) -> Reproducibility:
    """These runs, counted."""
    found = list(runs)
    return Reproducibility(
        runs=len(found),
        captured=sum(not of_run(run) for run in found),
        dirty=sum(run.is_dirty for run in found),
        without_code=sum(not (run.has_code and run.is_whole) for run in found),
        without_environment=sum(not run.has_software for run in found),
        unversioned_data=sum(not run.has_data for run in found),
        mutable_image=sum(run.has_mutable_image for run in found),
        unseeded=sum(not run.has_seeds for run in found),
    )


def by_period(runs: Iterable[RunFacts], period: Period) -> Sequence[PeriodReport]:
    """Runs by when they ended, in UTC, oldest first; periods in which none did are left out."""
    found: dict[dt.date, list[RunFacts]] = {}
    for run in runs:
        if run.ended_at is not None:
            found.setdefault(period.begins(day_of(run.ended_at)), []).append(run)
    return [
        PeriodReport(begins=begins, report=reproducibility(found[begins]))
        for begins in sorted(found)
    ]


def markdown(report: Reproducibility) -> str:
    """A table with a line for each count."""
    if not report.runs:
        return "No run has finished."
    lines = [
        f"| {name} | {count} | {count / report.runs:.0%} |"
        for name, count in report.counts().items()
    ]
    head = [f"| of {report.runs} finished runs | runs | share |", "|---|--:|--:|"]
    return "\n".join([*head, *lines])
