"""A cluster as tests see it, the fake one or a real one: what is there, and what people do to it."""

import contextlib
import functools
import secrets
import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compute.kubernetes import names
from compute.kubernetes.api import ClusterApi, Kind
from compute.kubernetes.connection import ClusterAddress, connect
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.objects import KubeObject, label, name_of, part, status
from compute.kubernetes.sighting import is_finished
from compute.kubernetes.trial_job import PodDefaults
from sweeps.ids import AttemptId, RunId
from sweeps.ports import AttemptPhase
from sweeps.specs import Resources
from sweeps.trials import LaunchRequest
from tests.contracts.launcher_contract import SWEEP, wait_for
from tests.faulty_api import FaultyApi

_PULL_SECONDS = 300
SMALL = Resources(cpu=0.02, memory_bytes=64 * 2**20)
HUGE = Resources(cpu=0.02, memory_bytes=64 * 2**20, gpu=1000)  #: no node has so many GPUs


@dataclass
class ClusterUnderTest:
    """One namespace of a cluster; what a test leaves there is removed."""

    namespace: str
    image: str
    client: Any  #: straight to the server
    proxy: FaultyApi  #: by which everything under test goes
    folder: Path
    is_real: bool
    installation: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")
    launchers: list[KubernetesLauncher] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """That anything may take: a real cluster starts pods in seconds, not in milliseconds."""
        return 180.0 if self.is_real else 30.0

    @property
    def python(self) -> str:
        """As pods call it."""
        return "python" if self.is_real else sys.executable

    @functools.cached_property
    def address(self) -> ClusterAddress:
        """By the server that makes trouble."""
        token = self.folder / "token"
        token.touch(mode=0o600)
        token.write_text(self.proxy.token)
        return ClusterAddress(url=self.proxy.url, token_file=token)

    @functools.cached_property
    def defaults(self) -> PodDefaults:
        """Of pods."""
        return PodDefaults(image=self.image, grace_seconds=1, pull_seconds=0)

    @functools.cached_property
    def api(self) -> ClusterApi:
        """Straight to the server."""
        return ClusterApi(self.client)

    @property
    def requests(self) -> list[str]:
        """What was asked of the server by what is under test: verb and plural of each."""
        return [what for _, what in self.proxy.requests]

    def launcher(self, api: ClusterApi | None = None, **options: Any) -> KubernetesLauncher:
        """As another process would have it."""
        given: dict[str, Any] = {
            "namespace_of": lambda _: self.namespace,
            "installation": self.installation,
            "defaults": self.defaults,
        }
        api = api or ClusterApi(connect(self.address))
        made = KubernetesLauncher(api, **{**given, **options})
        self.launchers.append(made)
        return made

    def request_for(self, number: int, code: str, **changes: Any) -> LaunchRequest:
        """Of a trial that executes Python."""
        return LaunchRequest(
            **{**request_fields(number, (self.python, "-S", "-c", code)), **changes}
        )

    # What is there

    def jobs(self) -> list[KubeObject]:
        """Jobs of this test, those that mark the end of a sweep aside."""
        found = self._list(Kind.JOBS)
        return [job for job in found if label(job, names.ATTEMPT) == name_of(job)]

    def pods(self) -> list[KubeObject]:
        """Pods of this test."""
        return self._list(Kind.PODS)

    def active(self) -> list[str]:
        """Jobs that execute something, or may."""
        with_pods = {
            label(pod, names.ATTEMPT)
            for pod in self.pods()
            if status(pod).get("phase") not in {"Succeeded", "Failed"}
        }
        return [
            name_of(job)
            for job in self.jobs()
            if name_of(job) in with_pods
            or not (is_finished(job) or part(job, "spec").get("suspend"))
        ]

    def _list(self, kind: Kind) -> list[KubeObject]:
        selector = names.selector(installation=self.installation)
        return list(self.api.list(kind, self.namespace, selector=selector).items)

    # What people do

    def delete_job(self, name: str) -> None:
        """As `kubectl delete job`."""
        assert self.api.delete_job(self.namespace, name)

    def delete_pod(self, name: str) -> None:
        """As `kubectl delete pod`, with a second to end."""
        self._core.delete_namespaced_pod(
            name, self.namespace, grace_period_seconds=1, _preload_content=False
        )

    def evict(self, pod: str) -> None:
        """As `kubectl drain` does it."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        self._core.create_namespaced_pod_eviction(pod, self.namespace, body, _preload_content=False)

    @contextlib.contextmanager
    def quota(self, hard: Mapping[str, str]) -> Generator[None, None, None]:
        """A ResourceQuota that is in force, for the length of the block."""
        name = f"{self.installation}-quota"
        body = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": name},
            "spec": {"hard": dict(hard)},
        }
        self._core.create_namespaced_resource_quota(self.namespace, body, _preload_content=False)
        try:
            self.until(lambda: self._is_in_force(name))
            yield
        finally:
            self._core.delete_namespaced_resource_quota(
                name, self.namespace, _preload_content=False
            )

    def _is_in_force(self, name: str) -> bool:
        quota = self._core.read_namespaced_resource_quota(name, self.namespace)
        return bool(quota.status and quota.status.hard)

    @functools.cached_property
    def _core(self) -> Any:
        import kubernetes

        return kubernetes.client.CoreV1Api(self.client)  # pyright: ignore[reportAttributeAccessIssue]

    # Before and after

    def until(self, condition: Callable[[], object], *, seconds: float | None = None) -> None:
        """Wait."""
        give_up_at = time.monotonic() + (seconds or self.seconds)
        while not condition():
            assert time.monotonic() < give_up_at, "it did not happen in time"
            time.sleep(0.5 if self.is_real else 0.02)

    def pull(self) -> None:
        """Have a node fetch the image, so that no test waits for that."""
        if self.image in _PULLED:
            return
        request = self.request_for(99999, "pass")
        # Straight to the server: its watches are none of those that a test counts.
        launcher = self.launcher(self.api, defaults=PodDefaults(image=self.image))
        launcher.launch(request)
        wait_for(launcher, request.attempt_id, AttemptPhase.EXITED, seconds=_PULL_SECONDS)
        launcher.close()
        self._clear()
        _PULLED.add(self.image)

    def close(self) -> None:
        """Remove everything."""
        for launcher in self.launchers:
            launcher.close()
        self._clear()

    def _clear(self) -> None:
        for job in self._list(Kind.JOBS):
            self.api.delete_job(self.namespace, name_of(job))
        self.until(lambda: not self._list(Kind.JOBS) and not self.pods())


_PULLED: set[str] = set()


def request_fields(number: int, command: tuple[str, ...]) -> dict[str, Any]:
    """Of a `LaunchRequest`."""
    run_id = RunId(f"{SWEEP}-{number:05d}")
    return {
        "attempt_id": AttemptId(f"{run_id}-a1"),
        "run_id": run_id,
        "sweep_id": SWEEP,
        "command": command,
        "environment": {},
        "resources": SMALL,
        "source_dir": "",
    }
