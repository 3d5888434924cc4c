"""deploy/docker-compose.yaml as it is read, with the values of an env file in it."""

import re
import subprocess
from collections.abc import Mapping
from typing import Any

import yaml

from tests.integration.deploy.manifests import ROOT

FILE = ROOT / "deploy" / "docker-compose.yaml"
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?::(?P<how>[-?])(?P<word>[^}]*))?\}")


def compose(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The document; without `variables` as it is written, but for merged keys."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return document if variables is None else _filled(document, variables)


def new_secrets() -> dict[str, str]:
    """What deploy/secrets.sh prints."""
    text = subprocess.check_output(["sh", ROOT / "deploy" / "secrets.sh"], text=True)
    return dict(line.split("=", 1) for line in text.splitlines())


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item, variables) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    if not isinstance(value, str):
        return value

    def fill(found: re.Match[str]) -> str:
        name = found["name"]
        if name in variables:
            return variables[name]
        assert found["how"] == "-", f"{name} is not set"
        return found["word"]

    return _VARIABLE.sub(fill, value)
