"""What the gateway is told of images by its environment."""

from pathlib import Path

import pytest

from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.trial_images import TrialImages
from gateway.serve import InvalidConfiguration, configuration_from

LOCAL = {
    "SWEEPWORKS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "SWEEPWORKS_SIGNING_KEY": "00" * 32,
    "SWEEPWORKS_ARTIFACTS": "/artifacts",
    "SWEEPWORKS_K8S_IMAGE_POLICY": "require-digest",
}
IN_CLUSTER = {**LOCAL, "SWEEPWORKS_LAUNCHER": "kubernetes"}


def test_images_are_held_to_the_policy_of_the_cluster() -> None:
    told = {
        **IN_CLUSTER,
        "SWEEPWORKS_K8S_IMAGE": "trainer:1",
        "SWEEPWORKS_K8S_REGISTRY_CONFIG": "/docker.json",
    }

    assert configuration_from(told).images == TrialImages(
        default="trainer:1",
        policy=ImagePolicy.REQUIRE_DIGEST,
        registry_config=Path("/docker.json"),
    )


def test_trials_on_this_machine_run_no_images() -> None:
    assert configuration_from(LOCAL).images is None


def test_a_policy_that_there_is_not_ends_the_start() -> None:
    with pytest.raises(InvalidConfiguration, match="SWEEPWORKS_K8S_IMAGE_POLICY"):
        configuration_from({**IN_CLUSTER, "SWEEPWORKS_K8S_IMAGE_POLICY": "pinned"})
