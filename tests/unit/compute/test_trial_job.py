"""Manifests that the API knows every word of."""

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client

from compute.kubernetes.trial_job import PodDefaults, placeholder_job, trial_job
from sweeps.errors import LaunchRejected
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.specs import Resources
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
