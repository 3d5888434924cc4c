"""The chart, rendered once."""

import pytest

from tests.integration.deploy.manifests import FULL, Manifest, render


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """With nothing but the chart's own values."""
    return render(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """With everything switched on."""
    return render(tmp_path_factory.mktemp("full"), FULL)
