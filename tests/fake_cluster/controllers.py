"""The parts of the control plane that trials meet: Job controller, scheduler, kubelet.

Jobs as in "Kubernetes Jobs", indexed and suspended ones included; pods are processes of this
machine, of which the image is only a name.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.fake_cluster.kueue import Kueue
from tests.fake_cluster.pod_environment import environment_of
from tests.fake_cluster.pod_log import PodLog
from tests.fake_cluster.store import Key, Object, Store, now_text

OVER = {"Succeeded", "Failed"}


def set_condition(obj: Object, kind: str, status: str, **details: str) -> None:
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    old = next((one for one in conditions if one["type"] == kind), None)
    if old is not None and old["status"] == status:
        old |= details
        return
    if old is not None:
        conditions.remove(old)
    conditions.append({"type": kind, "status": status, "lastTransitionTime": now_text(), **details})


def has_condition(obj: Object, kind: str) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)


@dataclass
class Process:
    """What the kubelet runs for a pod."""

    process: subprocess.Popen[bytes]
    log: Path
    started_at: str
    began_at: float = field(default_factory=time.monotonic)
    kill_at: float | None = None


@dataclass
class Controllers:
    """Moves everything on, one step at a time."""

    store: Store
    unpullable: set[str] = field(default_factory=set)  # images
    gpus: int = 8  # of the one node
    processes: dict[Key, Process] = field(default_factory=dict)
    logs: dict[Key, PodLog] = field(default_factory=dict)
    quota: str = ""  # what forbids all pods, in its words
    complaints: dict[str, list[Object]] = field(default_factory=dict)  # events, by Job
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="fake-cluster-")))

    def __post_init__(self) -> None:
        self.kueue = Kueue(self.store)

    def step(self) -> None:
        with self.store.changed:
            keys = list(self.store.objects)
        self.kueue.step()
        for key in keys:
            obj = self.store.get(key)
            if obj is None:
                continue
            if key[0] == "jobs":
                self._job(key, obj)
            elif key[0] == "pods":
                self._pod(key, obj)

    def stop(self) -> None:
        for one in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()
        shutil.rmtree(self.folder)

    # Jobs

    def _job(self, key: Key, job: Object) -> None:
        if has_condition(job, "Complete") or has_condition(job, "Failed"):
            return
        pods = self.store.select("pods", key[1], {"batch.kubernetes.io/job-name": key[2]})
        by_phase: dict[str, list[Object]] = {"Failed": [], "Succeeded": []}
        active: list[Object] = []
        for pod in pods:
            by_phase.get((pod.get("status") or {}).get("phase", ""), active).append(pod)
        failed, done = by_phase["Failed"], by_phase["Succeeded"]
        if job["spec"].get("suspend"):
            for pod in active:
                self.delete_pod(("pods", key[1], pod["metadata"]["name"]))
            self.store.update(key, _note_suspended)
        elif len(done) >= job["spec"].get("completions", 1):

            def complete(job: Object) -> None:
                set_condition(job, "Complete", "True")
                job["status"] |= {"succeeded": len(done), "completionTime": now_text(), "active": 0}

            self.store.update(key, complete)
        elif failed or int((job.get("status") or {}).get("failed", 0)) > 0:
            self._fail(key, active, "BackoffLimitExceeded", "Job has reached its backoff limit")
        else:
            self._fill(key, job, active, done)

    def _is_late(self, key: Key, running: Process) -> bool:
        pod = self.store.get(key)
        deadline = pod["spec"].get("activeDeadlineSeconds") if pod else None
        return deadline is not None and time.monotonic() - running.began_at > deadline

    def _fill(self, key: Key, job: Object, active: list[Object], done: list[Object]) -> None:
        completions = job["spec"].get("completions", 1)
        parallelism = job["spec"].get("parallelism", 1)
        for pod in active[parallelism:]:
            self.delete_pod(("pods", key[1], pod["metadata"]["name"]))
        wanted = min(parallelism, completions - len(done)) - len(active)
        if wanted > 0 and "startTime" not in (job.get("status") or {}):
            self.store.update(key, _note_started)
        taken = {pod["metadata"].get("annotations", {}).get(_INDEX) for pod in (*active, *done)}
        free = [index for index in range(completions) if str(index) not in taken]
        for index in free[: max(wanted, 0)]:
            self._new_pod(key, job, index)

    def _fail(self, key: Key, active: list[Object], reason: str, message: str) -> None:
        for pod in active:
            self.delete_pod(("pods", key[1], pod["metadata"]["name"]))
        if not active:
            self.store.update(
                key,
                lambda job: set_condition(job, "Failed", "True", reason=reason, message=message),
            )

    def _new_pod(self, key: Key, job: Object, index: int) -> None:
        if self.quota:
            event = {"metadata": {"creationTimestamp": now_text()}, "message": self.quota}
            self.complaints[key[2]] = [event]
            return
        template = job["spec"]["template"]
        meta = dict(template.get("metadata") or {})
        meta["labels"] = {**(meta.get("labels") or {}), "batch.kubernetes.io/job-name": key[2]}
        meta["annotations"] = {**(meta.get("annotations") or {}), _INDEX: str(index)}
        meta["generateName"] = f"{key[2]}-"
        meta["ownerReferences"] = [{"kind": "Job", "name": key[2], "uid": job["metadata"]["uid"]}]
        pod = {"metadata": meta, "spec": dict(template["spec"]), "status": {"phase": "Pending"}}
        self.store.create("pods", key[1], pod)

    # Pods

    def _pod(self, key: Key, pod: Object) -> None:
        running = self.processes.get(key)
        is_leaving = "deletionTimestamp" in pod["metadata"]
        if running is not None:
            self._running(key, running, is_leaving=is_leaving)
        elif is_leaving:
            self._leave(key, pod)
        elif (pod.get("status") or {}).get("phase") == "Pending":
            self._start(key, pod)

    def _start(self, key: Key, pod: Object) -> None:
        container = pod["spec"]["containers"][0]
        if self._gpus_of(pod) > self.gpus - self._gpus_in_use():
            message = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
            self.store.update(
                key,
                lambda pod: set_condition(
                    pod, "PodScheduled", "False", reason="Unschedulable", message=message
                ),
            )
            return

        def schedule(pod: Object) -> None:
            pod["spec"]["nodeName"] = "node-1"
            set_condition(pod, "PodScheduled", "True")

        self.store.update(key, schedule)
        if container["image"] in self.unpullable:
            state = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
            self.store.update(key, lambda pod: _set_state(pod, "Pending", state))
            return
        log = self.folder / f"{key[2]}.log"
        self.logs[key] = PodLog(log)
        environment = environment_of(pod)
        with log.open("wb") as output:
            try:
                process = subprocess.Popen(
                    container["command"],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    cwd=self.folder,
                    env={"PATH": os.environ["PATH"], **environment, "HOME": str(self.folder)},
                    start_new_session=True,
                )
            except OSError as exc:
                ended = {
                    "exitCode": 128,
                    "reason": "StartError",
                    "startedAt": "1970-01-01T00:00:00Z",
                    "finishedAt": now_text(),
                    "message": f"failed to start: {exc}",
                }
                self.store.update(key, lambda pod: _set_state(pod, "Failed", {"terminated": ended}))
                return
        started_at = now_text()
        self.processes[key] = Process(process, log, started_at)
        state = {"running": {"startedAt": started_at}}
        self.store.update(key, lambda pod: _set_state(pod, "Running", state))

    def _running(self, key: Key, running: Process, *, is_leaving: bool) -> None:
        code = running.process.poll()
        if code is None and self._is_late(key, running):
            os.killpg(running.process.pid, signal.SIGKILL)
            self.store.update(key, lambda pod: pod["status"].update(reason="DeadlineExceeded"))
            return
        if code is None:
            if is_leaving and running.kill_at is not None and time.monotonic() > running.kill_at:
                os.killpg(running.process.pid, signal.SIGKILL)
            return
        del self.processes[key]
        ended: dict[str, Any] = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": running.started_at,
            "finishedAt": now_text(),
        }
        if code != 0:
            ended["message"] = running.log.read_text(errors="replace")[-2048:]
        phase = "Succeeded" if code == 0 else "Failed"
        self.store.update(key, lambda pod: _set_state(pod, phase, {"terminated": ended}))

    def _leave(self, key: Key, pod: Object) -> None:
        """Remove a pod that executes nothing, once its Job has counted it."""
        owner = pod["metadata"].get("ownerReferences")
        phase = (pod.get("status") or {}).get("phase")
        if owner and phase != "Succeeded":

            def count(job: Object) -> None:
                if not job["spec"].get("suspend") and job["spec"].get("parallelism", 1) > 0:
                    status = job.setdefault("status", {})
                    status["failed"] = int(status.get("failed", 0)) + 1

            self.store.update(("jobs", key[1], owner[0]["name"]), count)
        self.store.remove(key)

    def delete_pod(self, key: Key, *, grace: float | None = None) -> None:
        """As the API server does it: gracefully, by the kubelet."""

        def mark(pod: Object) -> None:
            pod["metadata"].setdefault("deletionTimestamp", now_text())

        before = self.store.get(key)
        pod = self.store.update(key, mark)
        running = self.processes.get(key)
        if pod is None or before is None or running is None or running.kill_at is not None:
            return
        seconds = (
            grace if grace is not None else pod["spec"].get("terminationGracePeriodSeconds", 30)
        )
        running.kill_at = time.monotonic() + seconds
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGTERM)

    def evict(self, key: Key, reason: str = "EvictionByEvictionAPI") -> None:
        """As `kubectl drain` does it, or whoever else disrupts a pod."""
        self.store.update(
            key, lambda pod: set_condition(pod, "DisruptionTarget", "True", reason=reason)
        )
        self.delete_pod(key)

    def _gpus_in_use(self) -> int:
        return sum(self._gpus_of(pod) for key in self.processes if (pod := self.store.get(key)))

    def _gpus_of(self, pod: Object) -> int:
        limits = (pod["spec"]["containers"][0].get("resources") or {}).get("limits") or {}
        return int(limits.get("nvidia.com/gpu", 0))


_INDEX = "batch.kubernetes.io/job-completion-index"


def _note_started(job: Object) -> None:
    job.setdefault("status", {})["startTime"] = now_text()
    if has_condition(job, "Suspended"):
        set_condition(job, "Suspended", "False", reason="JobResumed")


def _note_suspended(job: Object) -> None:
    set_condition(job, "Suspended", "True", reason="JobSuspended")
    job["status"].pop("startTime", None)


def _set_state(pod: Object, phase: str, state: dict[str, Any]) -> None:
    container = pod["spec"]["containers"][0]
    pod.setdefault("status", {})["phase"] = phase
    pod["status"]["containerStatuses"] = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"{container['image']}@sha256:{'0' * 64}",
            "state": state,
        }
    ]


class Loop:
    """Steps the controllers every few milliseconds."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.is_paused = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._controllers.stop()

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            if not self.is_paused:
                self._controllers.step()
