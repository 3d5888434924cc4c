"""What a sweep names becomes versions that it may start on, or a sentence that says why not."""

from collections.abc import Sequence
from pathlib import Path

from governance.datasets.contracts import Admission, admission
from storage.datasets.catalog import DatasetCatalog
from storage.datasets.presence import CHEAP_BYTES, presence
from storage.datasets.suite_folder import SuiteFolder
from sweeps.datasets import (
    CheckResult,
    DatasetInspector,
    DatasetReference,
    DatasetRefused,
    DatasetVersion,
    Look,
    PinnedDataset,
)
from sweeps.ids import TenantId

_MOST_TOLD = 3


class DataGate:
    """Pins versions for sweeps.

    Args:
        inspector: Looks at what nobody has looked at, if that is quick; None: nobody does, and such
            a version is refused.
        is_here: Whether trials run on this machine: then data that is not here is refused.
    """

    def __init__(
        self,
        catalog: DatasetCatalog,
        suites: SuiteFolder,
        *,
        inspector: DatasetInspector | None = None,
        is_here: bool = False,
    ) -> None:
        self._catalog = catalog
        self._suites = suites
        self._inspector = inspector
        self._is_here = is_here

    def pin(self, data: Sequence[str], *, tenant_id: TenantId) -> tuple[PinnedDataset, ...]:
        """The versions that references mean now.

        Raises:
            DatasetNotFound: There is no such dataset, or no such version.
            DatasetRefused: One that no sweep may start on.
            InvalidSweepFile: A suite makes no sense.
        """
        references = [DatasetReference.parse(text) for text in data]
        return tuple(self._pin(reference, tenant_id) for reference in references)

    def _pin(self, reference: DatasetReference, tenant_id: TenantId) -> PinnedDataset:
        version = self._catalog.get(reference, tenant_id=tenant_id)
        self._require_whole(version)
        suite = self._suites.find(version.row.name, tenant_id=tenant_id)
        look = self._catalog.newest_look(version.pinned())
        verdict = admission(suite, look)
        is_cheap = version.row.size_bytes <= CHEAP_BYTES
        if verdict is Admission.UNCHECKED and self._inspector is not None and is_cheap:
            look = self._inspector.look(version)
            verdict = admission(suite, look)
        if verdict is Admission.UNCHECKED:
            raise DatasetRefused(
                str(version),
                "its blocking expectations have not been checked",
                mend=f"run `sweepworks data check {version}`",
            )
        if verdict is Admission.FAILED:
            assert look is not None  # it has failed
            raise DatasetRefused(
                str(version),
                f"blocking expectations have failed: {_failed(look)}",
                mend=f"`sweepworks data show {version}` tells more; register better data, or change "
                f"what is expected and run `sweepworks data check {version}`",
            )
        return version.pinned()

    def _require_whole(self, version: DatasetVersion) -> None:
        if not self._is_here and not Path(version.row.location).exists():
            return  # it is where the trials will run, as far as can be known here
        # Who only answers requests reads nothing large: a person's command does.
        there = presence(version, reads_rewritten=self._inspector is not None)
        if there.rewritten and version.states and not there.differs:
            raise DatasetRefused(
                str(version),
                f"{_first(there.rewritten)} in {version.row.location} was written again since it "
                "was hashed",
                mend=f"run `sweepworks data check {version}`",
            )
        if there.reread and not there.differs:
            self._catalog.note_states(version, there.states)  # not to be read again next time
        if there.differs:
            raise DatasetRefused(
                str(version),
                f"its files in {version.row.location} are not what was registered: "
                f"{_first(there.differences)}",
                mend=f"register what is there now with `sweepworks data register {version.row.name} "
                f"PATH`, or bring back what was there{_from_store(version)}",
            )


def _from_store(version: DatasetVersion) -> str:
    return f" with `sweepworks data get {version}`" if version.row.is_stored else ""


def _first(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _judged(result: CheckResult) -> str:
    """Why one that may be met has failed all the same."""
    judged = result.details.get("judged")
    return f" (judged {judged})" if judged else ""


def _failed(look: Look) -> str:
    names = [f"{result.expectation}{_judged(result)}" for result in look.blocking]
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    return ", ".join(names[:_MOST_TOLD]) + more
