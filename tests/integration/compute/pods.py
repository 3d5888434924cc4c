"""Launchers of a fake cluster, and trials for them to launch."""

import contextlib
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

from compute.kubernetes.api import ClusterApi
from compute.kubernetes.connection import ClusterAddress, connect
from compute.kubernetes.launch_rate import LaunchRate
from compute.kubernetes.launcher import KubernetesLauncher
from sweeps.ids import AttemptId, RunId
from sweeps.specs import Resources
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP
from tests.fake_cluster.server import FakeCluster
from tests.plugins.cluster import NAMESPACE


def api_of(cluster: FakeCluster) -> ClusterApi:
    return ClusterApi(connect(ClusterAddress(url=cluster.url)))


@contextlib.contextmanager
def launchers(
    cluster: FakeCluster, **options: Any
) -> Generator[Callable[[], KubernetesLauncher], None, None]:
    """Makes launchers, each as another process would have it, and closes them."""
    options = {"rate": LaunchRate(1_000), **options}  # else a test of twenty Jobs waits
    with contextlib.ExitStack() as stack:

        def make() -> KubernetesLauncher:
            launcher = KubernetesLauncher(
                api_of(cluster), namespace_of=lambda _: NAMESPACE, installation="here", **options
            )
            stack.callback(launcher.close)
            return launcher

        yield make


def pod_request(number: int, code: str, **changes: Any) -> LaunchRequest:
    """Of a trial that executes Python."""
    run_id = RunId(f"{SWEEP}-{number:05d}")
    fields: dict[str, Any] = {
        "attempt_id": AttemptId(f"{run_id}-a1"),
        "run_id": run_id,
        "sweep_id": SWEEP,
        "command": (sys.executable, "-S", "-u", "-c", code),
        "environment": {},
        "resources": Resources(),
        "source_dir": "",
    }
    return LaunchRequest(**{**fields, **changes})


def until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
