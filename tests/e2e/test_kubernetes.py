"""A sweep whose trials run in a cluster, from the command line to the leaderboard."""

import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation, controllers
from tests.fake_cluster.server import FakeCluster
from tests.plugins.cluster import OF_THE_DEFAULT_TENANT as NAMESPACE

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


@pytest.fixture
def cluster(fake: FakeCluster) -> FakeCluster:
    """The fake one alone: pods of a real one do not reach this machine's gateway."""
    return fake


@pytest.fixture
def in_cluster(installation: Installation, cluster: FakeCluster) -> Installation:
    environment = {
        **installation.environment,
        "SWEEPWORKS_LAUNCHER": "kubernetes",
        "SWEEPWORKS_K8S_URL": cluster.url,
        "SWEEPWORKS_K8S_IMAGE": "registry.example/trainer:1",
    }
    return replace(installation, environment=environment)


def write_sweep(installation: Installation, name: str, **options: float) -> Path:
    """As in an image: the script has an absolute path."""
    file = installation.write_sweep(name, **options)  # pyright: ignore[reportArgumentType]
    script = file.with_name("train.py")
    text = file.read_text().replace("[python, train.py]", f"[{sys.executable}, {script}]")
    file.write_text(text)
    return file


def test_a_sweep_runs_in_a_cluster(in_cluster: Installation, cluster: FakeCluster) -> None:
    file = write_sweep(in_cluster, "cluster", trials=4, epochs=3)

    sweep = in_cluster.json("run", str(file))["sweep"]

    report = in_cluster.json("show", sweep)
    assert report["state"] == "completed"
    assert report["trials_by_state"] == {"completed": 4}
    assert len(cluster.jobs(NAMESPACE)) == 4
    (attempt,) = in_cluster.json("show", f"{sweep}-00001")["attempts"]
    assert attempt["node"] == "node-1"
    assert attempt["image"].startswith("registry.example/trainer:1@sha256:")
    assert "epoch 3 loss" in in_cluster.run("logs", f"{sweep}-00001")


def test_a_trial_is_made_again_by_the_digest_of_its_image(
    in_cluster: Installation, cluster: FakeCluster
) -> None:
    # Longer than a second: a cluster tells of starts and ends to the second.
    file = write_sweep(in_cluster, "again", trials=1, epochs=3, seconds=0.7)
    sweep = in_cluster.json("run", str(file))["sweep"]

    plan = in_cluster.json("rerun", f"{sweep}-00001", "--dry-run")
    (rerun,) = in_cluster.json("rerun", f"{sweep}-00001")["reruns"]

    assert plan["can_rerun"] is True
    assert {line["part"]: line["fate"] for line in plan["plan"]}["image"] == "same"
    assert rerun["state"] == "completed"
    (job,) = [job for job in cluster.jobs(NAMESPACE) if rerun["run_id"] in job["metadata"]["name"]]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example/trainer@sha256:{'0' * 64}"
    verdict = in_cluster.json("reproduce", f"{sweep}-00001")
    assert verdict["verdict"] == "bitwise", verdict
    assert in_cluster.json("cluster", "reap")["reaped"] == []
    shown = in_cluster.json("show", rerun["run_id"])
    (attempt,) = shown["attempts"]
    assert (attempt["state"], attempt["node"]) == ("ended", "node-1")
    assert attempt["exit"]["reason"] == "completed"
    assert attempt["image"].endswith(f"@sha256:{'0' * 64}")
    assert shown["cost"]["core_hours"] > 0


def test_logs_outlive_their_pods(in_cluster: Installation, cluster: FakeCluster) -> None:
    file = write_sweep(in_cluster, "logs", trials=2, epochs=3)

    sweep = in_cluster.json("run", str(file))["sweep"]
    assert cluster.requests.count("get pods/log") == 2
    for job in cluster.jobs(NAMESPACE):
        cluster.store.remove(("jobs", NAMESPACE, job["metadata"]["name"]))
    for pod in cluster.pods(NAMESPACE):
        cluster.store.remove(("pods", NAMESPACE, pod["metadata"]["name"]))

    for trial in ("1", "2"):
        assert "epoch 3 loss" in in_cluster.run("logs", sweep, "--trial", trial)
    assert "logs/a1.log" in in_cluster.run("artifacts", "ls", f"{sweep}-00001")


def test_trials_of_two_nodes_wait_in_a_queue_that_takes_one_back(
    in_cluster: Installation, cluster: FakeCluster
) -> None:
    kueue = cluster.controllers.kueue
    kueue.quota = 2
    queued = replace(
        in_cluster, environment={**in_cluster.environment, "SWEEPWORKS_K8S_ADMISSION": "kueue"}
    )
    file = write_sweep(queued, "queued", trials=2, epochs=6, seconds=0.5)
    file.write_text(file.read_text().replace("trial: {", "trial: {kubernetes: {nodes: 2}, ", 1))
    following = queued.start("run", str(file), "--json", stderr=subprocess.DEVNULL)
    while len(cluster.controllers.processes) < 2:
        assert following.poll() is None
        time.sleep(0.1)
    time.sleep(1)

    assert len(cluster.pods(NAMESPACE)) == 2
    (running,) = {
        one["metadata"]["labels"]["sweepworks.io/attempt"] for one in cluster.pods(NAMESPACE)
    }
    kueue.quota = 0  # for something more important
    kueue.preempt(NAMESPACE, running)
    while "stop-reason" not in str(cluster.store.get(("jobs", NAMESPACE, running))):
        assert following.poll() is None
        time.sleep(0.1)
    kueue.quota = 2
    output, _ = following.communicate(timeout=300)

    sweep = json.loads(output)["sweep"]
    assert queued.json("show", sweep)["trials_by_state"] == {"completed": 2}
    attempts = queued.json("show", running.rpartition("-")[0])["attempts"]
    assert [one["exit"]["reason"] for one in attempts] == ["preempted", "completed"]
    kept = queued.run("artifacts", "ls", running.rpartition("-")[0])
    assert all(name in kept for name in ("logs/a2.log", "logs/a2-node-1.log"))


def test_a_controller_that_is_killed_launches_nothing_twice(
    in_cluster: Installation, cluster: FakeCluster
) -> None:
    rng = random.Random(3)
    file = write_sweep(in_cluster, "killed", trials=12, epochs=4, seconds=0.4)
    following = in_cluster.start("run", str(file), "--json", stderr=subprocess.DEVNULL)

    kills = 0
    while kills < 4 and following.poll() is None:
        for process in controllers(in_cluster):
            time.sleep(rng.uniform(1.0, 6.0))
            if process.is_running():
                process.kill()
                kills += 1
        time.sleep(0.05)
    output, _ = following.communicate(timeout=300)

    sweep = json.loads(output)["sweep"]
    report = in_cluster.json("show", sweep)
    assert report["trials_by_state"] == {"completed": 12}
    assert len(cluster.jobs(NAMESPACE)) == 12
    assert len(cluster.pods(NAMESPACE)) == 12


def test_an_api_server_that_is_away_delays_a_sweep_and_no_more(
    in_cluster: Installation, cluster: FakeCluster
) -> None:
    file = write_sweep(in_cluster, "outage", trials=6, epochs=3, seconds=0.3)
    following = in_cluster.start("run", str(file), "--json", stderr=subprocess.DEVNULL)
    while not cluster.jobs(NAMESPACE):
        assert following.poll() is None
        time.sleep(0.1)

    cluster.cut.set()
    cluster.fail(status=503, times=10_000)
    time.sleep(15)
    cluster.faults.clear()
    cluster.cut.clear()
    output, _ = following.communicate(timeout=300)

    report = in_cluster.json("show", json.loads(output)["sweep"])
    assert report["trials_by_state"] == {"completed": 6}
    assert len(cluster.jobs(NAMESPACE)) == 6


def test_a_node_that_is_drained_costs_an_attempt_and_no_trial(
    in_cluster: Installation, cluster: FakeCluster
) -> None:
    file = write_sweep(in_cluster, "drained", trials=1, epochs=6, seconds=0.5)
    following = in_cluster.start("run", str(file), "--json", stderr=subprocess.DEVNULL)
    while not cluster.controllers.processes:
        assert following.poll() is None
        time.sleep(0.1)
    time.sleep(1)

    (pod,) = cluster.pods(NAMESPACE)
    cluster.controllers.evict(("pods", NAMESPACE, pod["metadata"]["name"]))
    output, _ = following.communicate(timeout=300)

    sweep = json.loads(output)["sweep"]
    assert in_cluster.json("show", sweep)["trials_by_state"] == {"completed": 1}
    attempts = in_cluster.json("show", f"{sweep}-00001")["attempts"]
    assert [one["exit"]["reason"] for one in attempts] == ["evicted", "completed"]


def test_what_nobody_looks_after_is_put_in_order(
    in_cluster: Installation, cluster: FakeCluster
) -> None:
    file = write_sweep(in_cluster, "orphans", trials=1, epochs=2)
    sweep = in_cluster.json("run", str(file))["sweep"]
    (job,) = cluster.jobs(NAMESPACE)
    orphan = {
        "metadata": {
            "name": f"{sweep}-00002-a1",
            "labels": {**job["metadata"]["labels"], "sweepworks.io/attempt": f"{sweep}-00002-a1"},
        },
        "spec": {**job["spec"], "suspend": False},
    }
    cluster.store.create("jobs", NAMESPACE, orphan)
    key = ("jobs", NAMESPACE, f"{sweep}-00002-a1")
    cluster.store.update(
        key, lambda job: job["metadata"].update(creationTimestamp="2026-01-01T00:00:00Z")
    )
    cluster.controllers.unpullable.add("registry.example/trainer:1")

    planned = in_cluster.json("cluster", "reap", "--dry-run")["reaped"]
    done = in_cluster.json("cluster", "reap")["reaped"]

    assert planned == done
    assert [(one["what"], one["name"]) for one in done] == [("stopped", f"{sweep}-00002-a1")]
    stopped = cluster.store.get(key)
    assert stopped is not None
    assert stopped["spec"]["suspend"] is True
    assert in_cluster.json("show", sweep)["state"] == "completed"
