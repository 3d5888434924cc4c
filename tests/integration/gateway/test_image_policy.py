"""Images of sweeps that come over HTTP: refused, looked up or taken as for the command line."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.trial_images import TrialImages
from sweeps.specs import as_document
from tests.factories import a_spec
from tests.fake_registry import fake_registry
from tests.integration.gateway.conftest import TOKEN, Platform, bearer, listening
from tests.integration.storage.data_world import DataWorld
from tests.plugins.postgres import Database

DIGEST = f"sha256:{'0' * 64}"
REQUIRED = TrialImages(policy=ImagePolicy.REQUIRE_DIGEST)


def submit(platform: Platform, **trial: Any) -> httpx.Response:
    document = {k: v for k, v in as_document(a_spec()).items() if k != "tenant"}
    body = {"spec": {**document, "trial": {**document["trial"], **trial}}, "source_dir": "/there"}
    return platform.client.post("/api/v1/sweeps", json=body, headers=bearer(TOKEN))


def images(platform: Platform) -> list[str | None]:
    """As they are noted of the sweeps that were written down."""
    return [image for (image,) in platform.rows("SELECT image FROM sweeps ORDER BY created_at")]


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        ({"image": "trainer:1"}, "'trainer:1' is named by a tag"),
        ({}, "no image is given"),
        (
            {"image": f"a@{DIGEST}", "kubernetes": {"container_config": {"image": "b"}}},
            "'b' is named by a tag",
        ),
    ],
)
def test_a_tag_is_refused_where_digests_are_required(
    database: Database, tmp_path: Path, trial: dict[str, Any], said: str
) -> None:
    with listening(database, tmp_path, images=REQUIRED) as platform:
        refused = submit(platform, **trial)

        assert refused.status_code == 422
        assert said in refused.json()["error"]
        assert images(platform) == []


def test_the_image_of_the_installation_is_held_to_the_policy_too(
    database: Database, tmp_path: Path
) -> None:
    tagged = TrialImages(default="trainer:1", policy=ImagePolicy.REQUIRE_DIGEST)

    with listening(database, tmp_path, images=tagged) as platform:
        assert "'trainer:1' is named by a tag" in submit(platform).json()["error"]
        assert submit(platform, image=f"trainer@{DIGEST}").status_code == 201


def test_what_the_tenant_does_not_allow_is_refused_at_once(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("tenants: [{name: default, cluster: {priority_classes: [sweepworks-low]}}]")
    trial = {"image": f"a@{DIGEST}", "kubernetes": {"priority_class": "other"}}

    with listening(database, tmp_path, images=REQUIRED, tenants_file=file) as platform:
        refused = submit(platform, **trial)

    assert refused.status_code == 422
    assert "priorityClassName: other (the tenant allows" in refused.json()["error"]


def test_where_the_data_are_is_noted(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(
        "cluster: {pools: {ssd-west: {nodes: {zone: west}, datasets: [digits]}}}\n"
        "tenants: [{name: default, cluster: {pools: [ssd-west]}}]"
    )
    trial = {"image": f"a@{DIGEST}", "data": ["digits"]}

    with listening(database, tmp_path, images=REQUIRED, tenants_file=file) as platform:
        data = DataWorld(platform.pool, tmp_path)
        data.register(data.file("a.csv", "x\n1\n2\n"), name="digits")
        taken = submit(platform, **trial)

    assert taken.status_code == 201, taken.text
    assert taken.json()["notes"][0].startswith("digits is in storage pool ssd-west: ")


def test_a_tag_is_looked_up_and_noted(database: Database, tmp_path: Path) -> None:
    resolve = TrialImages(policy=ImagePolicy.RESOLVE)
    with fake_registry() as registry, listening(database, tmp_path, images=resolve) as platform:
        digest = registry.push("trainer", "1", "one")
        taken = submit(platform, image=f"{registry.host}/trainer:1")
        missing = submit(platform, image=f"{registry.host}/trainer:2")

        pinned = f"{registry.host}/trainer@{digest}"
        assert (taken.status_code, missing.status_code) == (201, 422)
        assert (taken.json()["image"], taken.json()["notes"]) == (pinned, [])
        assert "there is no image" in missing.json()["error"]
        assert images(platform) == [pinned]


def test_a_registry_that_is_away_leaves_the_lookup_to_the_controller(
    database: Database, tmp_path: Path
) -> None:
    resolve = TrialImages(policy=ImagePolicy.RESOLVE)
    with fake_registry() as registry, listening(database, tmp_path, images=resolve) as platform:
        registry.status = 503
        taken = submit(platform, image=f"{registry.host}/trainer:1")

        assert taken.status_code == 201, taken.text
        assert taken.json()["image"] is None
        assert "before the first trial" in taken.json()["notes"][0]
        assert images(platform) == [None]


@pytest.mark.parametrize("given", [None, TrialImages()])
def test_a_tag_is_taken_as_it_is_where_nothing_is_asked_of_images(
    database: Database, tmp_path: Path, given: TrialImages | None
) -> None:
    with listening(database, tmp_path, images=given) as platform:
        taken = submit(platform, image="trainer:1")

        assert (taken.status_code, taken.json()["image"]) == (201, None)
        assert images(platform) == [None]
