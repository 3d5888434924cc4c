"""Looks at a version: is it what was registered, and what is expected of it?"""

from governance.datasets.contracts import Suite
from storage.datasets.catalog import DatasetCatalog
from storage.datasets.expectations import check_suite
from storage.datasets.frames import all_rows, sample_rows
from storage.datasets.manifests import Progress
from storage.datasets.presence import presence
from storage.datasets.suite_folder import SuiteFolder
from sweeps.datasets import CheckResult, DatasetVersion, Look

CONTENT = "content_is_as_registered"


class DataInspection:
    """A `sweeps.datasets.DatasetInspector` of data on this machine."""

    def __init__(self, catalog: DatasetCatalog, suites: SuiteFolder) -> None:
        self._catalog = catalog
        self._suites = suites

    def look(self, version: DatasetVersion, *, progress: Progress = lambda _: None) -> Look:
        """Check a version against its suite, and write down what was found.

        Its files are hashed first. Where they are not what was registered, nothing that is expected
        of them means anything, and nothing else is looked at.

        Raises:
            InvalidSweepFile: The suite makes no sense.
            InvalidDataset: It asks for what cannot be looked at.
        """
        suite = self._suites.find(version.row.name, tenant_id=version.row.tenant_id)
        content = self._content(version, progress)
        results = [content]
        if content.has_passed and suite is not None:
            results += _expected(version, suite)
        look = Look(
            suite="" if suite is None else suite.name,
            suite_digest="" if suite is None else suite.digest,
            results=tuple(results),
        )
        self._catalog.record_look(version, look)
        return look

    def _content(self, version: DatasetVersion, progress: Progress) -> CheckResult:
        there = presence(version, cheap_bytes=version.row.size_bytes, progress=progress)
        if there.is_equal_by_hash and there.states != version.states:
            self._catalog.note_states(version, there.states)
        return CheckResult(
            expectation=CONTENT,
            is_blocking=True,
            has_passed=not there.differs,
            details={"error": there.differences[0]} if there.differs else {},
        )


def _expected(version: DatasetVersion, suite: Suite) -> tuple[CheckResult, ...]:
    if not suite.expectations:
        return ()
    sample = sample_rows(version)
    if sample is None:
        return tuple(
            CheckResult(
                expectation=str(expectation),
                is_blocking=expectation.is_blocking,
                has_passed=False,
                details={"error": "the version has no table"},
            )
            for expectation in suite.expectations
        )
    columns = list(sample.frame.columns)
    return check_suite(
        sample,
        suite,
        profile=version.profile,
        all_rows=lambda: all_rows(version, columns=columns),
    )
