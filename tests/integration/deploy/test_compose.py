"""The set-up of one machine: legal, closed to the outside, and the same as in a cluster."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from orchestration.settings import Settings
from tests.deploy_tools.tools import compose_schema
from tests.integration.deploy.composed import FILE, compose, new_secrets
from tests.integration.deploy.manifests import ROOT, Manifest, container

ONE_SHOT = {"migrations", "bucket"}
PLATFORM = {"migrations", "bucket", "gateway", "code", "daemon", "webserver"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return compose(new_secrets())["services"]


def test_the_specification_knows_every_key() -> None:
    for document in (compose(), compose(new_secrets())):
        Draft202012Validator(compose_schema()).validate(document)


def test_a_key_that_the_specification_does_not_know_is_found() -> None:
    document = compose()
    document["services"]["gateway"]["port"] = 8787

    with pytest.raises(ValidationError):
        Draft202012Validator(compose_schema()).validate(document)


def test_ports_are_published_on_this_machine_alone(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert len(ports) == 3
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert "ports" not in services["postgres"]
    assert "ports" not in services["code"]


def test_images_have_exact_versions(services: dict[str, Any]) -> None:
    for name, service in services.items():
        _, _, tag = service["image"].rpartition(":")
        assert re.match(r"\d+\.\d+", tag), name


def test_what_runs_on_is_looked_after(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_services_wait_for_what_they_need(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how["condition"] == expected, (name, needed)
            assert needed in services


def test_the_platform_has_no_rights_and_writes_to_its_volumes_alone(
    services: dict[str, Any],
) -> None:
    for name in PLATFORM:
        service = services[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        for volume in service.get("volumes", []):
            assert "docker.sock" not in volume


def test_secrets_come_from_the_env_file_alone(services: dict[str, Any]) -> None:
    needed = set(re.findall(r"\$\{([A-Z0-9_]+):\?", FILE.read_text()))
    secrets = new_secrets()

    assert needed == set(secrets)
    assert all(len(value) >= 48 for value in secrets.values())
    assert new_secrets() != secrets
    assert "deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()
    assert {"SWEEPWORKS_SIGNING_KEY", "SWEEPWORKS_TOKEN"}.isdisjoint(
        services["postgres"]["environment"] | services["s3"]["environment"]
    )


def test_the_platform_understands_what_it_is_told(services: dict[str, Any]) -> None:
    for name in ("gateway", "code", "daemon", "webserver"):
        settings = Settings.from_environment(services[name]["environment"])
        assert not settings.is_embedded
        assert settings.dagster_database_url is not None
        assert settings.gateway_url == "http://gateway:8787"
        assert len(settings.signing_key()) == 32
        assert settings.cluster is None


def test_commands_are_those_of_the_cluster(services: dict[str, Any], plain: list[Manifest]) -> None:
    def in_cluster(name: str) -> list[str]:
        return container(plain, f"sweepworks-{name}")["command"]

    assert services["daemon"]["command"] == in_cluster("daemon")
    assert services["code"]["command"] == in_cluster("code")
    gateway = services["gateway"]["command"]
    assert in_cluster("gateway")[: len(gateway)] == gateway
    webserver = services["webserver"]["command"]
    assert in_cluster("webserver")[: len(webserver)] == webserver


def test_who_ends_dagster_runs_sees_their_processes(services: dict[str, Any]) -> None:
    assert services["daemon"]["pid"] == "service:code"
    assert services["webserver"]["pid"] == "service:code"
    assert services["code"]["init"] is True
    for name in ("code", "daemon", "webserver"):
        assert "home:/var/lib/sweepworks" in services[name]["volumes"]
