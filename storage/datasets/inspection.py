"""Looks at a version: is it what was registered, and what is expected of it?"""

from pathlib import Path

from governance.data_contracts import Suite
from storage.datasets.catalog import DatasetCatalog
from storage.datasets.expectations import check_suite
from storage.datasets.frames import sample_rows
from storage.datasets.manifests import Progress, changed_files, find_files, hash_files
from storage.datasets.suite_folder import SuiteFolder
from sweeps.datasets import CheckResult, DatasetVersion, InvalidDataset, Look, content_hash

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
        content = _content(version, progress)
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


def _content(version: DatasetVersion, progress: Progress) -> CheckResult:
    reason = difference(version, progress=progress)
    details = {} if reason is None else {"error": reason}
    return CheckResult(
        expectation=CONTENT, is_blocking=True, has_passed=reason is None, details=details
    )


def difference(version: DatasetVersion, *, progress: Progress = lambda _: None) -> str | None:
    """Why its files are not what was registered; None when they are. All of them are read."""
    location = version.row.location
    changed = changed_files(location, version.files)
    if changed:  # without reading what may be large
        return changed[0]
    try:
        entries = hash_files(find_files(Path(location)), progress=progress).entries
    except InvalidDataset as exc:
        return str(exc)
    if content_hash(entries).hex() == version.row.content_hash:
        return None
    was = {file.path: file.sha256 for file in version.files}
    now = {file.path: file.sha256 for file in entries}
    other = sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path))
    return f"{other[0]} is not what was registered" if other else "the files are others"


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
    return check_suite(sample, suite)
