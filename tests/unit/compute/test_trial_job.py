"""Manifests that the API knows every word of."""

import datetime as dt
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client

from compute.kubernetes.multi_node import service
from compute.kubernetes.placeholder_job import placeholder_job
from compute.kubernetes.trial_job import PodDefaults, trial_job
from sweeps.errors import LaunchRejected
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.specs import PodOptions, Resources, VolumeMount
from sweeps.trials import LaunchRequest


def a_request(**changes: Any) -> LaunchRequest:
    fields: dict[str, Any] = {
        "attempt_id": AttemptId("s-00001-a1"),
        "run_id": RunId("s-00001"),
        "sweep_id": SweepId("s"),
        "command": ("python", "train.py"),
        "environment": {"A": "1", "SWEEPWORKS_SPOOL_DIR": "/home/me/.sweepworks/spool"},
        "resources": Resources(cpu=0.5, memory_bytes=2**30, gpu=1),
        "source_dir": "",
        "timeout": dt.timedelta(minutes=5),
        "working_folder": "/app",
    }
    return LaunchRequest(**{**fields, **changes})


def as_the_api_reads_it(manifest: dict[str, Any]) -> Any:
    """Read into the models of the OpenAPI definition and written again: what they lack is lost."""
    api = client.ApiClient()
    answer = SimpleNamespace(data=json.dumps(manifest))
    return api.sanitize_for_serialization(api.deserialize(answer, "V1Job"))


ALL = PodDefaults(
    image="r.example/trainer:1",
    node_selector={"gpu": "a100"},
    shm_bytes=2**30,
    image_pull_policy="IfNotPresent",
    image_pull_secrets=("registry",),
    read_only_root=True,
)


PODS = PodOptions(
    gpu_resource="amd.com/gpu",
    node_selector={"disk": "ssd"},
    tolerations=({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},),
    priority_class="low",
    shm_bytes=2**31,
    volumes=(VolumeMount(claim="datasets", path="/data", is_read_only=True),),
    secrets=("keys",),
    config_maps=("settings",),
)


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"]


def test_what_a_sweep_asks_of_the_cluster_is_in_its_pods() -> None:
    manifest = trial_job(a_request(pods=PODS), defaults=ALL, installation="here")

    assert as_the_api_reads_it(manifest) == manifest
    pod = pod_of(manifest)
    (container,) = pod["containers"]
    assert pod["nodeSelector"] == {"gpu": "a100", "disk": "ssd"}
    assert pod["priorityClassName"] == "low"
    assert container["resources"]["limits"]["amd.com/gpu"] == "1"
    assert {"name": "claim-0", "mountPath": "/data", "readOnly": True} in container["volumeMounts"]
    assert container["envFrom"] == [
        {"secretRef": {"name": "keys"}}, {"configMapRef": {"name": "settings"}},
    ]  # fmt: skip
    sizes = [v["emptyDir"].get("sizeLimit") for v in pod["volumes"] if "emptyDir" in v]
    assert str(2**31) in sizes


def test_a_sweep_lays_over_the_manifest_what_dagster_users_know() -> None:
    overrides = {
        "container_config": {
            "working_dir": "/app",
            "env": [{"name": "B", "value_from": {"field_ref": {"field_path": "spec.nodeName"}}}],
        },
        "pod_spec_config": {"runtimeClassName": "nvidia", "node_selector": {"zone": "a"}},
        "pod_template_spec_metadata": {"labels": {"team": "vision"}},
        "job_spec_config": {"ttl_seconds_after_finished": 60, "backoffLimit": 7},
        "job_metadata": {"name": "mine", "annotations": {"why": "test"}},
    }
    pods = PodOptions(node_selector={"disk": "ssd"}, overrides=overrides)

    manifest = trial_job(a_request(pods=pods), defaults=ALL, installation="here")

    assert as_the_api_reads_it(manifest) == manifest
    pod = pod_of(manifest)
    (container,) = pod["containers"]
    assert container["workingDir"] == "/app"
    assert container["env"][-1]["valueFrom"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}
    assert pod["runtimeClassName"] == "nvidia"
    assert pod["nodeSelector"] == {"gpu": "a100", "disk": "ssd", "zone": "a"}
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    assert labels["team"] == "vision"
    assert labels["sweepworks.io/attempt"] == "s-00001-a1"
    assert manifest["spec"]["ttlSecondsAfterFinished"] == 60
    assert manifest["spec"]["backoffLimit"] == 0, "an attempt is never started twice"
    assert manifest["metadata"]["name"] == "s-00001-a1"
    assert manifest["metadata"]["annotations"]["why"] == "test"


@pytest.mark.parametrize("experiment", ["Поиск лучшего", "x" * 300, "digits-mlp", "a b/c"])
def test_labels_are_legal_whatever_an_experiment_is_called(experiment: str) -> None:
    request = a_request(experiment=experiment, tenant_id="vision")

    manifest = trial_job(request, defaults=ALL, installation="here")

    for meta in (manifest["metadata"], manifest["spec"]["template"]["metadata"]):
        assert meta["labels"]["sweepworks.io/tenant"] == "vision"
        for value in meta["labels"].values():
            assert re.fullmatch(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", value)
    assert manifest["metadata"]["annotations"]["sweepworks.io/experiment"] == experiment


def test_a_field_that_is_none_is_named_with_what_was_meant() -> None:
    pods = PodOptions(overrides={"pod_spec_config": {"node_selektor": {}}})

    with pytest.raises(LaunchRejected, match="did you mean node_selector"):
        trial_job(a_request(pods=pods), defaults=ALL, installation="here")


@pytest.mark.parametrize(
    ("part", "given", "path"),
    [
        ("pod_spec_config", {"host_network": True}, "hostNetwork"),
        ("pod_spec_config", {"hostPID": True}, "hostPID"),
        ("pod_spec_config", {"service_account_name": "admin"}, "serviceAccountName"),
        ("pod_spec_config", {"automount_service_account_token": True}, "automountServiceAccount"),
        ("pod_spec_config", {"security_context": {"run_as_user": 0}}, "runAsUser"),
        ("pod_spec_config", {"security_context": {"run_as_non_root": False}}, "runAsNonRoot"),
        ("pod_spec_config", {"volumes": [{"name": "v", "host_path": {"path": "/"}}]}, "hostPath"),
        (
            "pod_spec_config",
            {"volumes": [{"name": "t", "projected": {
                "sources": [{"service_account_token": {"path": "t"}}]}}]},
            "serviceAccountToken",
        ),
        (
            "pod_spec_config",
            {"init_containers": [{"name": "i", "image": "x",
                                  "security_context": {"privileged": True}}]},
            "initContainers.i.securityContext.privileged",
        ),
        ("container_config", {"security_context": {"privileged": True}}, "privileged"),
        (
            "container_config",
            {"security_context": {"allow_privilege_escalation": True}},
            "allowPrivilegeEscalation",
        ),
        (
            "container_config",
            {"security_context": {"capabilities": {"add": ["SYS_ADMIN"]}}},
            "capabilities.add",
        ),
        ("container_config", {"security_context": {"run_as_user": 0}}, "runAsUser"),
        ("container_config", {"ports": [{"container_port": 1, "host_port": 1}]}, "hostPort"),
    ],
)  # fmt: skip
def test_no_sweep_gets_out_of_its_container(part: str, given: dict[str, Any], path: str) -> None:
    pods = PodOptions(overrides={part: given})

    with pytest.raises(LaunchRejected, match=path):
        trial_job(a_request(pods=pods), defaults=ALL, installation="here")


@pytest.mark.parametrize("defaults", [ALL, PodDefaults(image="x")])
def test_the_api_knows_every_field(defaults: PodDefaults) -> None:
    manifest = trial_job(a_request(), defaults=defaults, installation="here")

    assert as_the_api_reads_it(manifest) == manifest


def test_the_api_knows_every_field_of_a_placeholder() -> None:
    manifest = placeholder_job("s-00001-a1", sweep_id="s", installation="x", annotations={"a": "b"})

    assert as_the_api_reads_it(manifest) == manifest


def test_the_image_of_the_sweep_goes_before_that_of_the_place() -> None:
    manifest = trial_job(a_request(image="mine:2"), defaults=ALL, installation="here")

    assert manifest["spec"]["template"]["spec"]["containers"][0]["image"] == "mine:2"


def test_the_spool_is_in_the_pod_and_not_where_the_controller_is() -> None:
    manifest = trial_job(a_request(), defaults=ALL, installation="here")

    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert variables["SWEEPWORKS_SPOOL_DIR"] == "/sweepworks/spool"
    assert variables["A"] == "1"


def test_without_an_image_there_is_no_job() -> None:
    with pytest.raises(LaunchRejected, match="SWEEPWORKS_K8S_IMAGE"):
        trial_job(a_request(), defaults=PodDefaults(), installation="here")


def test_several_pods_are_an_indexed_job_that_no_sweep_makes_another_one() -> None:
    overrides = {"job_spec_config": {"completions": 9, "parallelism": 1, "suspend": True}}
    pods = PodOptions(nodes=4, overrides=overrides)

    manifest = trial_job(a_request(pods=pods), defaults=ALL, installation="here")

    assert as_the_api_reads_it(manifest) == manifest
    spec = manifest["spec"]
    assert (spec["completions"], spec["parallelism"]) == (4, 4)
    assert spec["completionMode"] == "Indexed"
    assert spec["backoffLimit"] == 0
    assert spec["suspend"] is False
    assert pod_of(manifest)["subdomain"] == "s-00001-a1"


def test_a_services_name_begins_with_a_letter_and_is_the_pods_domain() -> None:
    attempt = AttemptId("3d-unet-aaaaaaaa-00001-a1")
    request = a_request(attempt_id=attempt, pods=PodOptions(nodes=2), sweep_id=SweepId("3d-unet"))
    job = trial_job(request, defaults=ALL, installation="here")
    job["metadata"]["uid"] = "u"

    made = service(job)

    api = client.ApiClient()
    answer = SimpleNamespace(data=json.dumps(made))
    assert api.sanitize_for_serialization(api.deserialize(answer, "V1Service")) == made
    assert made["metadata"]["name"] == f"s-{attempt}" == pod_of(job)["subdomain"]
    env = {one["name"]: one for one in pod_of(job)["containers"][0]["env"]}
    assert env["MASTER_ADDR"]["value"] == f"{attempt}-0.s-{attempt}"


def test_what_a_sweep_says_of_the_rendezvous_counts() -> None:
    request = a_request(environment={"MASTER_PORT": "1234"}, pods=PodOptions(nodes=2))

    manifest = trial_job(request, defaults=ALL, installation="here")

    env = [one for one in pod_of(manifest)["containers"][0]["env"] if one["name"] == "MASTER_PORT"]
    assert env == [{"name": "MASTER_PORT", "value": "1234"}]
