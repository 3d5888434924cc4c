"""The chart as Helm renders it, and what its manifests are made of."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deploy_tools.tools import helm

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "chart" / "sweepworks"
DIGEST = "sha256:" + "ab" * 32

Manifest = dict[str, Any]

#: Everything that can be switched on, and a place for every text.
FULL: Mapping[str, Any] = {
    "image": {
        "repository": "registry.example.org/ml/sweepworks",
        "digest": DIGEST,
        "pullSecrets": ["registry"],
    },
    "secrets": {"database": "our-database", "tokens": "our-tokens", "s3": "our-bucket"},
    "artifacts": {
        "url": "s3://bucket/prefix",
        "endpoint": "https://s3.example.org",
        "encryption": "AES256",
        "region": "eu-central-1",
    },
    "trials": {
        "namespaces": ["sweepworks-default", "sweepworks-vision"],
        "image": "registry.example.org/ml/digits@" + DIGEST,
        "installation": "main",
        "multiNode": True,
        "kueue": True,
    },
    "tenantFile": {
        "cluster": {"subjects": [{"name": "sweepworks-controllers", "namespace": "platform"}]},
        "tenants": [{"name": "vision", "members": ["ana", "ben"]}],
    },
    "expectations": "suites",
    "environment": {"SWEEPWORKS_MAX_SERIES": "5000"},
    "gateway": {"replicas": 3, "workers": 2, "serviceAccountAnnotations": {"cloud/role": "bucket"}},
    "webserver": {"tenants": ["default", "platform"]},
    "pods": {
        "labels": {"team": "ml"},
        "annotations": {"sidecar/inject": "false"},
        "nodeSelector": {"pool": "platform"},
        "tolerations": [{"key": "platform", "operator": "Exists"}],
        "priorityClassName": "platform",
    },
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "host": "sweepworks.example.org",
        "tlsSecret": "sweepworks-tls",
        "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
    },
    "networkPolicy": {
        "webserverFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
        ]
    },
}


def render(
    folder: Path, values: Mapping[str, Any] | None = None, *, release: str = "sweepworks"
) -> list[Manifest]:
    """What would be installed in the namespace `platform`."""
    file = folder / "values.json"
    file.write_text(json.dumps(values or {}), encoding="utf-8")
    text = helm("template", release, CHART, "--namespace", "platform", "--values", file)
    return [manifest for manifest in yaml.safe_load_all(text) if manifest is not None]


def refused(folder: Path, values: Mapping[str, Any]) -> str:
    """What Helm says of values that it does not take."""
    file = folder / "values.json"
    file.write_text(json.dumps(values), encoding="utf-8")
    return helm("template", "sweepworks", CHART, "--values", file, code=1)


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """By name."""
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return of_kind(manifests, kind)[name]


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Names and specs of all pods that there would be, but for those of runs and trials."""
    for manifest in manifests:
        if manifest["kind"] in {"Deployment", "Job", "StatefulSet", "DaemonSet"}:
            yield manifest["metadata"]["name"], manifest["spec"]["template"]["spec"]


def container(manifests: list[Manifest], deployment: str) -> Manifest:
    (only,) = one(manifests, "Deployment", deployment)["spec"]["template"]["spec"]["containers"]
    return only


def instance(manifests: list[Manifest], name: str = "sweepworks-instance") -> dict[str, Any]:
    """The dagster.yaml in the ConfigMap."""
    return yaml.safe_load(one(manifests, "ConfigMap", name)["data"]["dagster.yaml"])
