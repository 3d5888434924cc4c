"""A Kubernetes cluster for tests: a fake one, and with ``-m cluster`` a real one.

A test that asks for `cluster` runs on both; one that asks for `fake`, on that alone.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from compute.kubernetes.connection import ClusterAddress, connect
from orchestration.cluster.services import address_of
from orchestration.cluster.settings import ClusterSettings
from tests.cluster_under_test import ClusterUnderTest
from tests.fake_cluster.server import FakeCluster, fake_cluster
from tests.faulty_api import faulty_api
from tests.given import ENVIRONMENT

NAMESPACE = "trials"  #: of the fake one
OF_THE_DEFAULT_TENANT = "sweepworks-default"  #: another one of its namespaces
IMAGE = "SWEEPWORKS_TEST_IMAGE"
NAMESPACE_VARIABLE = "SWEEPWORKS_TEST_NAMESPACE"

_HELP = """\
the tests of a real cluster need
  KUBECONFIG, or SWEEPWORKS_K8S_URL and _TOKEN_FILE: credentials (now: {credentials})
  SWEEPWORKS_TEST_IMAGE: an image with `python` (now: {image})
  SWEEPWORKS_TEST_NAMESPACE: a namespace that is there, for tests alone (now: {namespace})
docs/kubernetes.md says what the credentials must be allowed to do"""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    real = [item for item in items if item.get_closest_marker("cluster") is not None]
    if not real:
        return
    if "cluster" not in config.option.markexpr:
        _deselect(config, items, real)
    elif "not cluster" not in config.option.markexpr:
        _check_given()
        _deselect(config, items, [item for item in real if _asks_for_the_fake(item)])


def _asks_for_the_fake(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "fake" in item.fixturenames


def _deselect(config: pytest.Config, items: list[pytest.Item], these: list[pytest.Item]) -> None:
    items[:] = [item for item in items if item not in these]
    config.hook.pytest_deselected(items=these)


def _check_given() -> None:
    credentials = ENVIRONMENT.get("KUBECONFIG") or ENVIRONMENT.get("SWEEPWORKS_K8S_URL")
    image, namespace = ENVIRONMENT.get(IMAGE), ENVIRONMENT.get(NAMESPACE_VARIABLE)
    if not (credentials and image and namespace):
        named = {"credentials": credentials, "image": image, "namespace": namespace}
        raise pytest.UsageError(_HELP.format(**{k: v or "not set" for k, v in named.items()}))


@pytest.fixture
def fake() -> Generator[FakeCluster, None, None]:
    """A cluster of processes."""
    with fake_cluster(NAMESPACE, OF_THE_DEFAULT_TENANT) as made:
        yield made


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.cluster)])
def cluster(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Generator[ClusterUnderTest, None, None]:
    """The fake cluster or the real one, behind a server that makes trouble when asked."""
    is_real = request.param == "real"
    if is_real:
        settings = ClusterSettings.from_environment(ENVIRONMENT, base=Path.cwd())
        address = address_of(settings)
    else:
        address = ClusterAddress(url=request.getfixturevalue("fake").url)
    client = connect(address)
    with faulty_api(client) as proxy:
        made = ClusterUnderTest(
            namespace=ENVIRONMENT[NAMESPACE_VARIABLE] if is_real else NAMESPACE,
            image=ENVIRONMENT[IMAGE] if is_real else "trainer:1",
            client=client,
            proxy=proxy,
            folder=tmp_path,
            is_real=is_real,
        )
        if is_real:
            made.pull()
        try:
            yield made
        finally:
            made.close()
