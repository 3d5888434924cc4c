"""Shared by all tests: markers by folder, an environment without our variables, fixtures."""

import os
from pathlib import Path

import pytest

from tests.given import ENVIRONMENT

pytest_plugins = [
    "tests.plugins.postgres",
    "tests.plugins.s3",
    "tests.plugins.timescale",
    "tests.plugins.cluster",
    "tests.plugins.browser",
]

_MARKS = {
    "unit": pytest.mark.unit,
    "integration": pytest.mark.integration,
    "e2e": pytest.mark.e2e,
    "browser": pytest.mark.browser,
}

# What the person who runs the tests has set must not decide them.
for _name in [name for name in ENVIRONMENT if name.startswith(("SWEEPWORKS_", "DAGSTER_"))]:
    if not _name.startswith("SWEEPWORKS_TEST_"):
        del os.environ[_name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(tests).parts[0]
        if folder in _MARKS:
            item.add_marker(_MARKS[folder])
