"""Tags are looked up in a registry, public or private, that is there or not."""

import base64
import json
import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from compute.kubernetes.image_name import ImageName
from compute.kubernetes.image_pinning import ImagePinning
from compute.kubernetes.image_policy import ImagePolicy
from compute.kubernetes.image_registry import ImageRegistry
from compute.kubernetes.registry_credentials import UnreadableCredentials
from sweeps.errors import LauncherUnavailable, LaunchRejected
from sweeps.ids import SweepId
from tests.fake_registry import FakeRegistry, fake_registry


@pytest.fixture
def registry() -> Generator[FakeRegistry, None, None]:
    with fake_registry() as registry:
        yield registry


def a_config(folder: Path, key: str, user: str, password: str) -> Path:
    file = folder / "config.json"
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    file.write_text(json.dumps({"auths": {key: {"auth": auth}}}))
    return file


def digest_of(registry: FakeRegistry, image: str, credentials: Path | None = None) -> str:
    return ImageRegistry(credentials).digest_of(ImageName.parse(f"{registry.host}/{image}"))


def test_a_tag_is_looked_up(registry: FakeRegistry) -> None:
    digest = registry.push("team/trainer", "1.4", "one")

    assert digest_of(registry, "team/trainer:1.4") == digest
    assert registry.requests == ["HEAD /v2/team/trainer/manifests/1.4"]


def test_without_a_tag_it_is_the_latest(registry: FakeRegistry) -> None:
    digest = registry.push("trainer", "latest", "one")

    assert digest_of(registry, "trainer") == digest


def test_a_registry_that_tells_no_digest_is_asked_for_the_manifest(registry: FakeRegistry) -> None:
    digest = registry.push("trainer", "1", "one")
    registry.tells_digest = False

    assert digest_of(registry, "trainer:1") == digest


@pytest.mark.parametrize("challenge", ["bearer", "basic"])
def test_a_private_registry_takes_the_credentials_of_the_file(
    registry: FakeRegistry, tmp_path: Path, challenge: str
) -> None:
    digest = registry.push("team/trainer", "1", "one")
    registry.user, registry.password, registry.challenge = "me", "se:cret", challenge

    good = a_config(tmp_path, registry.host, "me", "se:cret")

    assert digest_of(registry, "team/trainer:1", good) == digest


@pytest.mark.parametrize("challenge", ["bearer", "basic"])
def test_without_credentials_it_says_which_setting_gives_them(
    registry: FakeRegistry, tmp_path: Path, challenge: str
) -> None:
    registry.push("team/trainer", "1", "one")
    registry.user, registry.password, registry.challenge = "me", "secret", challenge
    wrong = a_config(tmp_path, registry.host, "me", "wrong")

    for credentials in (None, wrong):
        with pytest.raises(LaunchRejected, match="SWEEPWORKS_K8S_REGISTRY_CONFIG") as failure:
            digest_of(registry, "team/trainer:1", credentials)
        assert "me:" not in str(failure.value)


def test_a_password_goes_nowhere_over_plain_http(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.push("trainer", "1", "one")
    registry.user, registry.realm = "me", "http://token.example/token"
    credentials = a_config(tmp_path, registry.host, "me", "secret")

    with pytest.raises(LaunchRejected, match="plain HTTP"):
        digest_of(registry, "trainer:1", credentials)


def test_a_file_that_is_no_configuration_is_named_and_not_told(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.user = "me"
    file = tmp_path / "config.json"
    file.write_text("secret")

    with pytest.raises(UnreadableCredentials, match=r"config\.json") as failure:
        digest_of(registry, "trainer:1", file)

    assert "secret" not in str(failure.value)


def test_an_image_that_is_not_there_is_no_outage(registry: FakeRegistry) -> None:
    with pytest.raises(LaunchRejected, match="there is no image"):
        digest_of(registry, "trainer:9")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registry_that_cannot_now_is_an_outage(registry: FakeRegistry, status: int) -> None:
    registry.status = status

    with pytest.raises(LauncherUnavailable, match=str(status)):
        digest_of(registry, "trainer:1")


def test_a_registry_that_is_away_is_an_outage() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(LauncherUnavailable, match="does not answer"):
        ImageRegistry().digest_of(ImageName.parse(f"{host}/trainer:1"))


class Pins:
    """`ImagePins` in memory."""

    def __init__(self) -> None:
        self.images: dict[SweepId, str] = {}

    def pinned_image(self, sweep_id: SweepId) -> str | None:
        return self.images.get(sweep_id)

    def pin_image(self, sweep_id: SweepId, image: str) -> str:
        return self.images.setdefault(sweep_id, image)


def test_all_trials_of_a_sweep_run_what_its_tag_meant_first(registry: FakeRegistry) -> None:
    first = registry.push("trainer", "1", "one")
    image, pins = f"{registry.host}/trainer:1", Pins()
    pinning = ImagePinning(ImagePolicy.RESOLVE, ImageRegistry(), pins)

    before = pinning.for_sweep(SweepId("a"), image)
    second = registry.push("trainer", "1", "two")
    after = pinning.for_sweep(SweepId("a"), image)
    by_another = ImagePinning(ImagePolicy.RESOLVE, ImageRegistry(), pins)

    assert (
        before
        == after
        == by_another.for_sweep(SweepId("a"), image)
        == f"{registry.host}/trainer@{first}"
    )
    assert pinning.for_sweep(SweepId("b"), image) == f"{registry.host}/trainer@{second}"
    assert len(registry.requests) == 2


def test_what_has_a_digest_is_not_looked_up(registry: FakeRegistry) -> None:
    image = f"{registry.host}/trainer@sha256:{'0' * 64}"

    for policy in ImagePolicy:
        pinning = ImagePinning(policy, ImageRegistry(), Pins())
        assert pinning.for_sweep(SweepId("a"), image) == image

    assert registry.requests == []


def test_a_tag_is_refused_where_a_digest_is_required() -> None:
    pinning = ImagePinning(ImagePolicy.REQUIRE_DIGEST, ImageRegistry(), Pins())

    with pytest.raises(LaunchRejected, match=r"'trainer:1' is named by a tag.*@sha256:…"):
        pinning.for_sweep(SweepId("a"), "trainer:1")
