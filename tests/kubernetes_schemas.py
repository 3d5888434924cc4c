"""Manifests against the schemas that Kubernetes and Kueue publish."""

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate

#: The oldest and the newest that are promised to work.
VERSIONS = ("1.30", "1.36")
_KUEUE = Path(__file__).parent / "schemas" / "kueue_v1beta1.json"


def check(manifest: dict[str, Any]) -> None:
    """Raise unless every field is one that the API server knows, and of its type."""
    if manifest["apiVersion"] == "kueue.x-k8s.io/v1beta1":
        jsonschema.validate(manifest, _kueue()[manifest["kind"]])
        return
    for version in VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)


@functools.cache
def _kueue() -> dict[str, Any]:
    return json.loads(_KUEUE.read_text())["kinds"]
