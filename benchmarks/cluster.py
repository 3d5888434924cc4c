"""The cluster of a benchmark: the one that the environment names, or the tests' fake one."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestration.cluster.settings import ClusterSettings

_ROOT = Path(__file__).parent.parent
_NAMESPACE = "benchmark"


@dataclass(frozen=True)
class Cluster:
    """Where the trials of a benchmark run."""

    settings: ClusterSettings
    is_fake: bool

    def requests(self) -> Mapping[str, int] | None:
        """As the server has counted them, by verb and resource; only the fake one tells."""
        if not self.is_fake:
            return None
        with urllib.request.urlopen(f"{self.settings.url}/fake/requests", timeout=10) as answer:
            return json.load(answer)


@contextlib.contextmanager
def cluster(
    *, url: str | None, image: str | None, namespace: str | None, rate: float | None
) -> Generator[Cluster, None, None]:
    """A real one as KUBECONFIG or SWEEPWORKS_K8S_* say, or `url`; else a fake one of its own.

    Args:
        image: Of its pods, unless SWEEPWORKS_K8S_IMAGE says so.
        rate: Launches a second, if not as configured.

    Raises:
        SystemExit: A real one, and no image or namespace for its pods.
    """
    settings = ClusterSettings.from_environment(os.environ, base=Path.cwd())
    settings = replace(
        settings,
        url=url or settings.url,
        launches_per_second=rate or settings.launches_per_second,
    )
    is_given = settings.url or settings.is_inside or os.environ.get("KUBECONFIG")
    if not is_given:
        with _fake() as address:
            settings = replace(settings, url=address, namespace=_NAMESPACE)
            yield Cluster(settings, is_fake=True)
        return
    settings = replace(
        settings, image=image or settings.image, namespace=namespace or settings.namespace
    )
    if not settings.image or "{tenant}" in settings.namespace:
        raise SystemExit(
            "a real cluster needs an image with `sh`, `sleep` and `date`, and a namespace: "
            "--image busybox:1.37 --namespace benchmark"
        )
    yield Cluster(settings, is_fake=False)


@contextlib.contextmanager
def _fake() -> Generator[str, None, None]:
    """A process of its own: it must not take the controller's time."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fake_cluster", _NAMESPACE],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
