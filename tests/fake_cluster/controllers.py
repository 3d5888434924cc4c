"""The parts of the control plane that trials meet: Job controller, scheduler, kubelet.

Jobs as in "Kubernetes Jobs", indexed and suspended ones included; for pods see `processes`.
"""

import shutil
import signal
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.fake_cluster.admission import exceeded
from tests.fake_cluster.kueue import Kueue
from tests.fake_cluster.pod_log import PodLog
from tests.fake_cluster.processes import PRETENDED, Executed, Pretence, Process, Running
from tests.fake_cluster.store import JOB_NAME, Key, Object, Store, now_text

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
class Controllers:
    """Moves everything on, one step at a time."""

    store: Store
    unpullable: set[str] = field(default_factory=set)  # images
    gpus: int = 8  # of the one node
    processes: dict[Key, Running] = field(default_factory=dict)
    logs: dict[Key, PodLog] = field(default_factory=dict)
    complaints: dict[str, list[Object]] = field(default_factory=dict)  # events, by Job
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="fake-cluster-")))
    waiting: set[Key] = field(default_factory=set)  # for what is not told by a change

    def __post_init__(self) -> None:
        self.kueue = Kueue(self.store)

    def step(self) -> None:
        self.kueue.step()
        looked_at = self.store.touched() | self.waiting | set(self.processes)
        self.waiting.clear()
        for key in sorted(looked_at):
            obj = self.store.get(key)
            if obj is None:
                continue
            if key[0] == "jobs":
                self._job(key, obj)
            elif key[0] == "pods":
                self._pod(key, obj)

    def stop(self) -> None:
        for one in self.processes.values():
            one.executed.send(signal.SIGKILL)
            while one.executed.poll() is None:
                time.sleep(0.001)
        shutil.rmtree(self.folder)

    # Jobs

    def _job(self, key: Key, job: Object) -> None:
        if has_condition(job, "Complete") or has_condition(job, "Failed"):
            return
        pods = self.store.pods_of(key[1], key[2])
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

    def _is_late(self, key: Key, running: Running) -> bool:
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
        live = [pod for pod in self.store.select("pods", key[1], {}) if not _is_over(pod)]
        if refusal := exceeded(self.store, key[1], "pods", used=len(live)):
            message = f'Error creating: pods "{key[2]}-" is forbidden: {refusal}'
            event = {"metadata": {"creationTimestamp": now_text()}, "message": message}
            self.complaints[key[2]] = [event]
            self.waiting.add(key)
            return
        template = job["spec"]["template"]
        meta = dict(template.get("metadata") or {})
        # The Job controller sets both, the old one for who still asks for it: Dagster does.
        names = {JOB_NAME: key[2], "job-name": key[2]}
        meta["labels"] = {**(meta.get("labels") or {}), **names}
        meta["annotations"] = {**(meta.get("annotations") or {}), _INDEX: str(index)}
        meta["generateName"] = f"{key[2]}-"
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": key[2]}
        meta["ownerReferences"] = [{**owner, "uid": job["metadata"]["uid"]}]
        pod = {"metadata": meta, "spec": dict(template["spec"]), "status": {"phase": "Pending"}}
        self.store.create("pods", key[1], pod)

    # Pods

    def _pod(self, key: Key, pod: Object) -> None:
        running = self.processes.get(key)
        is_leaving = "deletionTimestamp" in pod["metadata"]
        if self._is_orphan(pod) and not is_leaving:
            self.delete_pod(key)  # as the garbage collector does it
            return
        if running is not None:
            self._running(key, running, is_leaving=is_leaving)
        elif is_leaving:
            self._leave(key, pod)
        elif (pod.get("status") or {}).get("phase") == "Pending":
            self._start(key, pod)

    def _is_orphan(self, pod: Object) -> bool:
        owners = pod["metadata"].get("ownerReferences") or ()
        namespace = pod["metadata"]["namespace"]
        return any(self.store.get(("jobs", namespace, one["name"])) is None for one in owners)

    def _start(self, key: Key, pod: Object) -> None:
        container = pod["spec"]["containers"][0]
        if (asked := self._gpus_of(pod)) and asked > self.gpus - self._gpus_in_use():
            message = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
            self.waiting.add(key)
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

        if container["image"] in self.unpullable or ".invalid/" in container["image"]:
            state = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}

            def back_off(pod: Object) -> None:
                schedule(pod)
                _set_state(pod, "Pending", state)

            self.waiting.add(key)
            self.store.update(key, back_off)
            return
        try:
            executed = self._execute(key, pod)
        except OSError as exc:
            ended = {
                "exitCode": 128,
                "reason": "StartError",
                "startedAt": "1970-01-01T00:00:00Z",
                "finishedAt": now_text(),
                "message": f"failed to start: {exc}",
            }

            def fail(pod: Object) -> None:
                schedule(pod)
                _set_state(pod, "Failed", {"terminated": ended})

            self.store.update(key, fail)
            return
        started_at = now_text()
        self.processes[key] = Running(executed, started_at)

        def run(pod: Object) -> None:
            schedule(pod)
            _set_state(pod, "Running", {"running": {"startedAt": started_at}})

        self.store.update(key, run)

    def _execute(self, key: Key, pod: Object) -> Executed:
        container = pod["spec"]["containers"][0]
        if pretended := PRETENDED.fullmatch(container["image"]):
            return Pretence(float(pretended["seconds"]))
        log = self.folder / f"{key[2]}.log"
        self.logs[key] = PodLog(log)
        return Process.start(pod, folder=self.folder, log=log)

    def _running(self, key: Key, running: Running, *, is_leaving: bool) -> None:
        code = running.executed.poll()
        if code is None and self._is_late(key, running):
            running.executed.send(signal.SIGKILL)
            self.store.update(key, lambda pod: pod["status"].update(reason="DeadlineExceeded"))
            return
        if code is None:
            if is_leaving and running.kill_at is not None and time.monotonic() > running.kill_at:
                running.executed.send(signal.SIGKILL)
            return
        del self.processes[key]
        ended: dict[str, Any] = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": running.started_at,
            "finishedAt": now_text(),
        }
        if message := running.executed.last_words(code):
            ended["message"] = message
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

        pod = self.store.update(key, mark)
        running = self.processes.get(key)
        if pod is None or running is None:
            return
        given = pod["spec"].get("terminationGracePeriodSeconds", 30)
        running.end(given if grace is None else grace)

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


def _is_over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in OVER


def _set_state(pod: Object, phase: str, state: dict[str, Any]) -> None:
    container = pod["spec"]["containers"][0]
    pod.setdefault("status", {})["phase"] = phase
    pod["status"]["containerStatuses"] = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"{container['image']}@sha256:{'0' * 64}",
            "ready": "running" in state,
            "restartCount": 0,
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
