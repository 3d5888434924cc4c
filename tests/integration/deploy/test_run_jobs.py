"""Dagster runs as Jobs: what the chart's instance makes of them, and what it needs for that."""

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._core.launcher import LaunchRunContext, ResumeRunContext, WorkerStatus
from dagster._core.origin import JobPythonOrigin

from tests.fake_cluster.server import FakeCluster, fake_cluster
from tests.integration.deploy.manifests import DIGEST, Manifest, instance, one
from tests.integration.deploy.test_chart_security import rights

IMAGE = f"registry.example.org/ml/sweepworks@{DIGEST}"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@dg.job
def a_job() -> None:
    """What is run."""


class World:
    """Dagster's instance of the chart, before a cluster."""

    def __init__(self, cluster: FakeCluster, instance: dg.DagsterInstance) -> None:
        self.cluster = cluster
        self.instance = instance

    def run(self, **tags: str) -> dg.DagsterRun:
        origin = dg.reconstructable(a_job).get_python_origin()
        assert isinstance(origin, JobPythonOrigin)
        return self.instance.create_run_for_job(a_job, tags=tags, job_code_origin=origin)

    def launch(self, run: dg.DagsterRun) -> Manifest:
        self.instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
        return self.job_of(run)

    def job_of(self, run: dg.DagsterRun, *, attempt: str = "") -> Manifest:
        (job,) = [
            job
            for job in self.cluster.jobs("platform")
            if job["metadata"]["name"] == f"dagster-run-{run.run_id}{attempt}"
        ]
        return job

    def has_status(self, job: Manifest, **status: int) -> None:
        """As the Job controller would have it."""
        key = ("jobs", "platform", job["metadata"]["name"])
        self.cluster.store.update(key, lambda job: job.update(status=status))


@pytest.fixture
def world(
    full: list[Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[World, None, None]:
    environment = one(full, "ConfigMap", "sweepworks-environment")["data"]
    for name in ("SWEEPWORKS_NAMESPACE", "SWEEPWORKS_IMAGE"):
        monkeypatch.setenv(name, environment[name])
    with fake_cluster("platform") as cluster:
        assert cluster.loop is not None
        cluster.loop.is_paused = True  # nothing is executed
        config = instance(full)["run_launcher"]
        config["config"] |= {
            "load_incluster_config": False,
            "kubeconfig_file": str(kubeconfig(tmp_path, cluster.url)),
        }
        overrides = {"run_launcher": config, "run_monitoring": instance(full)["run_monitoring"]}
        with dg.DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as made:
            yield World(cluster, made)


def kubeconfig(folder: Path, url: str) -> Path:
    file = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {}}],
    }
    file.write_text(yaml.safe_dump(document))
    return file


def pod_of(job: Manifest) -> Manifest:
    return job["spec"]["template"]["spec"]


def test_a_run_gets_what_a_controller_needs(world: World, full: list[Manifest]) -> None:
    job = world.launch(world.run())
    pod = pod_of(job)
    (worker,) = pod["containers"]

    assert worker["image"] == IMAGE
    assert worker["args"][-3:-1] == ["api", "execute_run"]
    assert worker["envFrom"] == [
        {"configMapRef": {"name": "sweepworks-environment"}},
        {"secretRef": {"name": "our-database"}},
        {"secretRef": {"name": "our-tokens"}},
        {"secretRef": {"name": "our-bucket"}},
    ]
    environment = {one["name"]: one["value"] for one in worker["env"]}
    assert environment["DAGSTER_HOME"] == "/opt/dagster/dagster_home"
    mounts = {mount["mountPath"] for mount in worker["volumeMounts"]}
    assert {
        "/opt/dagster/dagster_home/dagster.yaml",
        "/opt/dagster/dagster_home",
        "/var/lib/sweepworks",
        "/etc/sweepworks",
        "/tmp",
    } <= mounts
    assert pod["serviceAccountName"] == "sweepworks-controllers"
    assert pod["automountServiceAccountToken"] is True
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["priorityClassName"] == "platform"
    # Started once: the daemon resumes what is lost.
    assert job["spec"]["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    # Longer than a controller has for ending its trials.
    assert pod["terminationGracePeriodSeconds"] > 60
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in worker["volumeMounts"]} == volumes
    names = {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
    there = {manifest["metadata"]["name"] for manifest in full if manifest["kind"] == "ConfigMap"}
    assert names - {"suites"} <= there


def test_a_run_is_as_restricted_as_the_rest(world: World) -> None:
    job = world.launch(world.run())
    pod = pod_of(job)
    (worker,) = pod["containers"]

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert worker["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert worker["resources"]["limits"] == {"memory": "2Gi"}
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/part-of"] == "sweepworks"
    kubernetes_validate.validate({**job, "metadata": {"name": "run"}}, "1.36", strict=True)


def test_a_tag_may_size_and_place_a_run(world: World) -> None:
    tag = (
        '{"container_config": {"resources": {"limits": {"memory": "8Gi"}}},'
        ' "pod_spec_config": {"node_selector": {"pool": "large"}}}'
    )

    pod = pod_of(world.launch(world.run(**{"dagster-k8s/config": tag})))

    assert pod["containers"][0]["resources"]["limits"]["memory"] == "8Gi"
    assert pod["nodeSelector"]["pool"] == "large"


@pytest.mark.parametrize(
    "tag",
    [
        '{"container_config": {"image": "evil:1"}}',
        '{"container_config": {"command": ["sh"]}}',
        '{"container_config": {"env": [{"name": "PYTHONPATH", "value": "/x"}]}}',
        '{"container_config": {"volume_mounts": [{"name": "x", "mount_path": "/x"}]}}',
        '{"container_config": {"security_context": {"privileged": true}}}',
        '{"pod_spec_config": {"service_account_name": "sweepworks-daemon"}}',
        '{"pod_spec_config": {"host_network": true}}',
        '{"pod_spec_config": {"volumes": [{"name": "x", "secret": {"secret_name": "x"}}]}}',
        '{"job_metadata": {"namespace": "kube-system"}}',
    ],
)
def test_a_tag_leads_to_nothing_else(world: World, tag: str) -> None:
    run = world.run(**{"dagster-k8s/config": tag})

    with pytest.raises(Exception, match="violated the allowed list"):
        world.launch(run)
    assert world.cluster.jobs("platform") == []


def test_what_dagster_asks_of_the_api_server_is_what_the_daemon_may(
    world: World, full: list[Manifest]
) -> None:
    launcher, run = world.instance.run_launcher, world.run()
    world.launch(run)
    pod = {"metadata": {"name": "a-pod", "labels": {"job-name": f"dagster-run-{run.run_id}"}}}
    status = {"phase": "Failed", "containerStatuses": []}
    world.cluster.store.create(
        "pods", "platform", {**pod, "spec": {"containers": []}, "status": status}
    )
    launcher.check_run_worker_health(run)
    launcher.get_run_worker_debug_info(run)
    launcher.terminate(run.run_id)

    used = asked_of(world.cluster)
    assert used <= allowed_by(one(full, "Role", "sweepworks-daemon"))
    assert {"create jobs", "get jobs/status", "delete jobs", "list pods", "delete pods"} <= used


def test_what_a_termination_asks_is_what_the_webserver_may(
    world: World, full: list[Manifest]
) -> None:
    run = world.run()
    world.launch(run)
    world.cluster.requests.clear()

    world.instance.run_launcher.terminate(run.run_id)

    used = asked_of(world.cluster)
    assert used <= allowed_by(one(full, "Role", "sweepworks-webserver"))
    assert "delete jobs" in used


def asked_of(cluster: FakeCluster) -> set[str]:
    """Verb and resource of each request."""
    return set(cluster.requests)


def allowed_by(role: Manifest) -> set[str]:
    """The same of a Role."""
    return {f"{verb} {name}" for name, verbs in rights(role).items() for verb in verbs}


def test_a_lost_run_goes_on_in_a_job_of_its_own(world: World) -> None:
    run = world.run()
    world.launch(run)
    world.instance.report_engine_event("Launching a new run worker to resume run", run)
    launcher = world.instance.run_launcher

    launcher.resume_run(ResumeRunContext(run, workspace=None, resume_attempt_number=1))

    job = world.job_of(run, attempt="-1")
    world.has_status(job, active=1)
    assert pod_of(job)["containers"][0]["args"][-3:-1] == ["api", "resume_run"]
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_instance_monitors_and_resumes(full: list[Manifest]) -> None:
    monitoring: Any = instance(full)["run_monitoring"]

    assert monitoring["enabled"]
    assert monitoring["max_resume_run_attempts"] == 100
    assert re.fullmatch(r"\d+", str(monitoring["start_timeout_seconds"]))


@pytest.mark.parametrize("status", [{"failed": 1}, {"succeeded": 1}])
def test_a_started_run_without_a_pod_is_lost(world: World, status: dict[str, int]) -> None:
    """However its process ended: one that was asked to end may do so with 0."""
    run = world.run()
    world.has_status(world.launch(run), **status)
    started = run.with_status(dg.DagsterRunStatus.STARTED)

    health = world.instance.run_launcher.check_run_worker_health(started)

    assert health.status is WorkerStatus.FAILED
