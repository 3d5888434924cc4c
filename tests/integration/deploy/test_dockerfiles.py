"""Images: linted, small, of nobody's rights, and pinned by the one lock file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.deploy.manifests import CHART, ROOT

DOCKER = ROOT / "deploy" / "docker"
FILES = sorted(DOCKER.glob("*.Dockerfile"))
_HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.fixture(params=FILES, ids=lambda file: file.name)
def file(request: pytest.FixtureRequest) -> Path:
    return request.param


def stages(file: Path) -> list[str]:
    return re.split(r"(?m)^FROM ", file.read_text())[1:]


def lint(file: Path) -> str:
    command = [_HADOLINT, "--failure-threshold", "style", file]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_the_linter_finds_nothing(file: Path) -> None:
    assert lint(file) == ""


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python\nRUN pip install numpy\n")

    assert "DL3006" in lint(wrong)


def test_the_last_stage_runs_as_nobody_special_and_has_no_tools_to_build(file: Path) -> None:
    first, last = stages(file)

    assert "AS build" in first
    assert "USER 1000:1000" in last
    assert "pip install" not in last
    assert "apt-get" not in file.read_text()
    # Dagster, and trials, bring whole commands.
    assert "\nENTRYPOINT" not in last


def test_packages_are_installed_by_hash_and_never_built(file: Path) -> None:
    for line in re.findall(r"pip install (.*)", file.read_text()):
        if "-r " in line:
            assert {"--require-hashes", "--only-binary=:all:"} <= set(line.split())
        else:
            assert {"--no-deps", "--no-build-isolation"} <= set(line.split())


@pytest.mark.parametrize("name", ["platform", "trainer"])
def test_a_lock_of_an_image_is_a_part_of_the_lock_file(name: str) -> None:
    part, whole = pins(DOCKER / f"{name}.lock"), pins(ROOT / "requirements.lock")

    assert part.items() <= whole.items()
    assert len(part) > 5


def test_the_image_of_the_platform_has_nothing_that_is_for_development() -> None:
    names = {requirement.partition("==")[0] for requirement in pins(DOCKER / "platform.lock")}

    assert {"dagster", "dagster-k8s", "psycopg", "uvicorn"} <= names
    assert not {"pytest", "moto", "playwright", "ruff", "pyright", "hypothesis"} & names


def test_the_bases_have_one_exact_version() -> None:
    (version,) = {
        found for file in FILES for found in re.findall(r"(?m)^ARG PYTHON=(.*)$", file.read_text())
    }

    assert re.fullmatch(r"3\.1[123]\.\d+-slim-\w+", version)


def test_image_and_chart_agree_on_folders() -> None:
    text = (DOCKER / "platform.Dockerfile").read_text()
    mounted = "\n".join(one.read_text() for one in (CHART / "templates").iterdir())

    for folder in ("/var/lib/sweepworks", "/opt/dagster/dagster_home"):
        assert folder in text
        assert f"mountPath: {folder}" in mounted


def pins(file: Path) -> dict[str, frozenset[str]]:
    """Hashes by requirement, as it is written with its marker."""
    found: dict[str, set[str]] = {}
    current = ""
    for line in file.read_text().splitlines():
        text = line.rstrip("\\").strip()
        if text.startswith("--hash="):
            found[current].add(text)
        elif text and not text.startswith("#"):
            current = text
            found[current] = set()
    return {requirement: frozenset(hashes) for requirement, hashes in found.items()}
