"""What the chart installs: legal for Kubernetes, complete, and one with what it is made from."""

import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway import ingest, routes
from tests.deploy_tools.tools import helm
from tests.integration.deploy.manifests import (
    CHART,
    DIGEST,
    FULL,
    ROOT,
    Manifest,
    container,
    instance,
    of_kind,
    one,
    pods,
    refused,
    render,
)

VERSIONS = ("1.30", "1.33", "1.36")


def test_helm_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps(FULL))

    for arguments in ([], ["--values", str(values)]):
        said = helm("lint", CHART, "--strict", *arguments)
        assert "0 chart(s) failed" in said
        assert "[WARNING]" not in said


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which", ["plain", "full"])
def test_kubernetes_knows_every_field(
    which: str, version: str, request: pytest.FixtureRequest
) -> None:
    manifests: list[Manifest] = request.getfixturevalue(which)

    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)
    assert len(manifests) > 20


def test_a_field_that_kubernetes_does_not_know_is_found(plain: list[Manifest]) -> None:
    wrong = json.loads(json.dumps(one(plain, "Deployment", "sweepworks-gateway")))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_names_are_legal_however_long_the_release_is_called(tmp_path: Path) -> None:
    manifests = render(tmp_path, FULL, release="a" * 53)

    for manifest in manifests:
        name = manifest["metadata"]["name"]
        assert len(name) <= 63 or manifest["kind"] in {"ClusterRole", "RoleBinding"}, name
        for value in manifest["metadata"]["labels"].values():
            assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", value)


def test_no_two_objects_have_one_name(full: list[Manifest]) -> None:
    names = [
        (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in full
    ]

    assert len(names) == len(set(names))


def test_the_gateway_outlives_a_node_and_a_new_version(full: list[Manifest]) -> None:
    deployment = one(full, "Deployment", "sweepworks-gateway")["spec"]
    pod = deployment["template"]["spec"]
    gateway = container(full, "sweepworks-gateway")
    budget = one(full, "PodDisruptionBudget", "sweepworks-gateway")["spec"]

    assert deployment["replicas"] == 3
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment["selector"]
    assert {one["topologyKey"] for one in pod["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    # It is out of the service before it stops to listen, and has time for what it has accepted.
    drain = gateway["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= drain + 10 + 15


def test_only_readiness_depends_on_the_database(full: list[Manifest]) -> None:
    gateway = container(full, "sweepworks-gateway")

    assert gateway["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert gateway["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert gateway["startupProbe"]["httpGet"]["path"] == "/livez"


def test_migrations_come_first_and_need_nothing_of_the_release(full: list[Manifest]) -> None:
    job = one(full, "Job", "sweepworks-migrations")
    pod = job["spec"]["template"]["spec"]
    (migrations,) = pod["containers"]

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert migrations["command"] == ["sweepworks", "migrate"]
    assert migrations["envFrom"] == [{"secretRef": {"name": "our-database"}}]
    assert "serviceAccountName" not in pod
    assert all("configMap" not in volume for volume in pod["volumes"])


def test_every_part_has_the_same_variables_and_the_secrets_that_it_needs(
    full: list[Manifest],
) -> None:
    secrets = {
        name: {
            source["secretRef"]["name"]
            for container in pod["containers"]
            for source in container["envFrom"]
            if "secretRef" in source
        }
        for name, pod in pods(full)
    }

    assert secrets == {
        "sweepworks-gateway": {"our-database", "our-tokens", "our-bucket"},
        "sweepworks-code": {"our-database", "our-tokens", "our-bucket"},
        "sweepworks-webserver": {"our-database", "our-tokens"},
        "sweepworks-daemon": {"our-database", "our-tokens"},
        "sweepworks-migrations": {"our-database"},
    }
    environment = one(full, "ConfigMap", "sweepworks-environment")["data"]
    assert environment["SWEEPWORKS_LAUNCHER"] == "kubernetes"
    assert environment["SWEEPWORKS_IMAGE"] == f"registry.example.org/ml/sweepworks@{DIGEST}"
    assert environment["SWEEPWORKS_PUBLIC_URL"] == "https://sweepworks.example.org"
    assert environment["SWEEPWORKS_GATEWAY_URL"] == "http://sweepworks-gateway.platform.svc:8787"
    assert environment["SWEEPWORKS_MAX_SERIES"] == "5000"


def test_the_tenant_file_is_there_as_it_was_given(
    full: list[Manifest], plain: list[Manifest]
) -> None:
    def tenants(manifests: list[Manifest]) -> Any:
        data = one(manifests, "ConfigMap", "sweepworks-tenants")["data"]["tenants.yaml"]
        return yaml.safe_load(data)

    assert tenants(full) == FULL["tenantFile"]
    assert tenants(plain) == {"tenants": []}


def test_dagsters_instance_is_the_file_with_the_names_of_the_release(
    full: list[Manifest],
) -> None:
    file = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())
    rendered = instance(full)
    names = ("service_account_name", "instance_config_map", "env_config_maps", "env_secrets")
    added = ("image_pull_policy", "image_pull_secrets", "labels")

    launcher, pod = rendered["run_launcher"]["config"], {}
    for name in names:
        launcher[name] = file["run_launcher"]["config"][name]
    for name in added:
        del launcher[name]
    pod = launcher["run_k8s_config"]
    del pod["container_config"]["resources"], pod["container_config"]["volume_mounts"]
    for name in ("volumes", "nodeSelector", "tolerations", "priorityClassName"):
        del pod["pod_spec_config"][name]
    del pod["pod_template_spec_metadata"]
    assert rendered == file


def test_dagsters_instance_can_be_changed(tmp_path: Path) -> None:
    changed = {"dagster": {"concurrency": {"runs": {"max_concurrent_runs": 500}}}}

    rendered = instance(render(tmp_path, changed))

    assert rendered["concurrency"]["runs"]["max_concurrent_runs"] == 500
    assert rendered["run_monitoring"]["max_resume_run_attempts"] == 100


def test_a_change_of_the_configuration_starts_pods_anew(tmp_path: Path) -> None:
    def marks(values: dict[str, Any]) -> set[str]:
        deployments = of_kind(render(tmp_path, values), "Deployment").values()
        return {
            one["spec"]["template"]["metadata"]["annotations"]["sweepworks.io/configuration"]
            for one in deployments
        }

    first = marks({})
    assert len(first) == 1
    assert marks({}) == first
    assert marks({"tenantFile": {"tenants": [{"name": "vision"}]}}).isdisjoint(first)
    assert marks({"dagster": {"run_monitoring": {"poll_interval_seconds": 30}}}).isdisjoint(first)


def test_the_ingress_leads_to_what_asks_for_a_token_and_to_nothing_else(
    full: list[Manifest],
) -> None:
    ingress = one(full, "Ingress", "sweepworks")["spec"]
    (rule,) = ingress["rules"]
    paths = {
        path["path"]: path["backend"]["service"]["name"].removeprefix("sweepworks-")
        for path in rule["http"]["paths"]
    }
    asking = {path for path in _gateway_paths() if path not in {"/healthz", "/livez", "/metrics"}}

    def leads_to(path: str) -> str | None:
        found = [way for way in paths if path == way or path.startswith(f"{way}/")]
        return paths[found[0]] if found else None

    assert ingress["tls"] == [{"hosts": ["sweepworks.example.org"], "secretName": "sweepworks-tls"}]
    assert {leads_to(path) for path in asking} == {"gateway"}
    assert {leads_to(path) for path in ("/healthz", "/livez", "/metrics", "/")} == {None}
    assert leads_to("/dagster/graphql") == "webserver"


def _gateway_paths() -> set[str]:
    found = {ingest.PATH}
    for module in pkgutil.iter_modules(routes.__path__):
        router = importlib.import_module(f"gateway.routes.{module.name}").router
        found |= {route.path for route in router.routes}
    return found


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"image": {"tag": "latest"}}, "tag"),
        ({"image": {"digest": "sha256:short"}}, "digest"),
        ({"ingress": {"enabled": True, "host": "a.example.org"}}, "tlsSecret"),
        ({"ingress": {"enabled": True, "tlsSecret": "tls"}}, "host"),
        ({"artifacts": {"url": "/var/artifacts"}}, "url"),
        ({"environment": {"SWEEPWORKS_SIGNING_KEY": "ab"}}, "SWEEPWORKS_SIGNING_KEY"),
        ({"environment": {"AWS_SECRET_ACCESS_KEY": "ab"}}, "AWS_SECRET_ACCESS_KEY"),
        ({"gateway": {"replicas": 0}}, "replicas"),
        ({"gateway": {"replica": 2}}, "replica"),
        ({"gateway": {"resources": {"limits": {"memory": None}}}}, "limits"),
        ({"webserver": {"tenants": []}}, "tenants"),
        ({"trials": {"namespaces": ["Trials"]}}, "namespaces"),
        ({"tenantFile": {"tenants": [{"members": ["ana"]}]}}, "name"),
    ],
)
def test_values_that_make_no_sense_are_refused(
    tmp_path: Path, values: dict[str, Any], complaint: str
) -> None:
    said = refused(tmp_path, values)

    assert "schema" in said
    assert complaint in said


def test_what_is_said_after_the_installation_names_the_ways_in(tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps(FULL))
    client = ["install", "sweepworks", CHART, "--dry-run=client", "--namespace", "platform"]

    said = helm(*client, "--values", values)

    assert "https://sweepworks.example.org/dagster" in said
    assert "exec deploy/sweepworks-code -- sweepworks token create" in said
