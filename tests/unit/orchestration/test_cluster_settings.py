"""Where trials run, as the environment says."""

import re
from pathlib import Path

import pytest

from orchestration.cluster.settings import ClusterSettings
from orchestration.settings import Settings
from sweeps.errors import SweepsError

HERE = {"SWEEPWORKS_HOME": "/h", "SWEEPWORKS_LAUNCHER": "kubernetes"}


def test_trials_run_on_this_machine_by_default() -> None:
    assert Settings.from_environment({"SWEEPWORKS_HOME": "/h"}).cluster is None


def test_what_is_exported_reads_back_the_same() -> None:
    settings = Settings.from_environment(
        {
            **HERE,
            "SWEEPWORKS_K8S_NAMESPACE": "ml-{tenant}",
            "SWEEPWORKS_K8S_URL": "https://127.0.0.1:6443",
            "SWEEPWORKS_K8S_TOKEN_FILE": "token",
            "SWEEPWORKS_K8S_CA_FILE": "/ca.pem",
            "SWEEPWORKS_K8S_CONTEXT": "staging",
            "SWEEPWORKS_K8S_IMAGE": "r.example/trainer:1",
            "SWEEPWORKS_K8S_GPU_RESOURCE": "amd.com/gpu",
            "SWEEPWORKS_K8S_INSTALLATION": "blue",
            "SWEEPWORKS_K8S_LAUNCHES_PER_SECOND": "2.5",
            "SWEEPWORKS_K8S_IMAGE_POLICY": "resolve",
            "SWEEPWORKS_K8S_REGISTRY_CONFIG": "docker.json",
            "SWEEPWORKS_K8S_ADMISSION": "kueue",
            "SWEEPWORKS_K8S_QUEUE": "trials",
            "KUBECONFIG": "config",
        },
        cwd=Path("/there"),
    )

    again = Settings.from_environment(settings.exported(), cwd=Path("/"))

    assert again == settings
    assert settings.cluster is not None
    assert settings.cluster.token_file == Path("/there/token")
    assert settings.cluster.registry_config == Path("/there/docker.json")
    assert settings.cluster.namespace_of("team-a") == "ml-team-a"


@pytest.mark.parametrize(
    ("given", "queue"),
    [
        ({}, ""),
        ({"SWEEPWORKS_K8S_QUEUE": "trials"}, ""),
        ({"SWEEPWORKS_K8S_ADMISSION": "none"}, ""),
        ({"SWEEPWORKS_K8S_ADMISSION": "kueue"}, "sweepworks"),
        ({"SWEEPWORKS_K8S_ADMISSION": "kueue", "SWEEPWORKS_K8S_QUEUE": "trials"}, "trials"),
    ],
)
def test_jobs_wait_in_a_queue_where_one_admits_them(given: dict[str, str], queue: str) -> None:
    settings = Settings.from_environment({**HERE, **given})

    assert settings.cluster is not None
    assert settings.cluster.queue == queue


def test_a_pod_of_the_cluster_needs_no_kubeconfig() -> None:
    settings = Settings.from_environment({**HERE, "KUBERNETES_SERVICE_HOST": "10.0.0.1"})

    assert settings.cluster is not None
    assert settings.cluster.is_inside


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SWEEPWORKS_LAUNCHER", "docker"),
        ("SWEEPWORKS_K8S_NAMESPACE", "Trials"),
        ("SWEEPWORKS_K8S_NAMESPACE", "{team}"),
        ("SWEEPWORKS_K8S_LAUNCHES_PER_SECOND", "0"),
        ("SWEEPWORKS_K8S_LAUNCHES_PER_SECOND", "fast"),
        ("SWEEPWORKS_K8S_IMAGE_POLICY", "pinned"),
        ("SWEEPWORKS_K8S_ADMISSION", "volcano"),
    ],
)
def test_what_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(SweepsError, match=name):
        Settings.from_environment({**HERE, name: value})


def test_a_namespace_is_never_longer_than_one_may_be() -> None:
    settings = ClusterSettings()

    names = {settings.namespace_of(tenant) for tenant in ("a" * 62, "a" * 63, "short")}

    assert len(names) == 3
    assert all(re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)
    assert settings.namespace_of("short") == "sweepworks-short"
