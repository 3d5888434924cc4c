"""What is captured beside the code, and how it reaches the record."""

import json
import os
import random
import subprocess
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweepworks.provenance.capture import Capture, without_secrets
from sweepworks.provenance.hardware import hardware
from sweepworks.provenance.seeds import derived, seed_everything
from sweepworks.provenance.software import software

from tests.fake_gateway import FakeGateway

COMMANDS = [
    (["--lr", "0.1", "data"], ["--lr", "0.1", "data"]),
    (["--token", "S3cret", "--lr=1"], ["--token", "***", "--lr=1"]),
    (["--api-key=S3cret"], ["--api-key=***"]),
    (["PASSWORD=S3cret"], ["PASSWORD=***"]),
    (["--use-token", "--lr", "1"], ["--use-token", "--lr", "1"]),
]


@pytest.mark.parametrize(("arguments", "shown"), COMMANDS)
def test_values_of_secrets_are_not_recorded(arguments: list[str], shown: list[str]) -> None:
    assert without_secrets(arguments) == shown


def test_packages_lockfile_and_image_are_told(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("locked")

    found = software(tmp_path, {"SWEEPWORKS_IMAGE": "r.example/a@sha256:00"})

    assert found["packages"]["numpy"] == np.__version__
    assert found["frameworks"]["numpy"] == np.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["lockfile"]["name"] == "uv.lock"
    assert found["image"] == "r.example/a@sha256:00"
    assert software(tmp_path, {})["packages_digest"] == found["packages_digest"]


@pytest.mark.parametrize(
    ("direct", "told"),
    [
        (
            {"url": "file:///home/me/lib", "dir_info": {"editable": True}},
            {"url": "file:///home/me/lib", "dir_info": {"editable": True}},
        ),
        (
            {"url": "https://me:S3cret@h.example/a.git?token=S3cret", "vcs_info": {"vcs": "git"}},
            {"url": "https://h.example/a.git", "vcs_info": {"vcs": "git"}},
        ),
        (["no object"], None),
        ({"dir_info": {}}, None),
    ],
)
def test_where_packages_without_an_index_come_from_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: object, told: object
) -> None:
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "direct_url.json").write_text(json.dumps(direct))
    monkeypatch.syspath_prepend(str(tmp_path))

    found = software(tmp_path, {})

    assert found["packages"]["mine"] == "1.0"
    assert found["direct_urls"].get("mine") == told
    assert "numpy" not in found["direct_urls"]


def test_what_conda_has_built_comes_from_its_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "direct_url.json").write_text('{"url": "file:///croot/mine", "dir_info": {}}')
    (info / "INSTALLER").write_text("conda\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert "mine" not in software(tmp_path, {})["direct_urls"]


def test_of_the_environment_only_what_is_known_to_matter_is_told(tmp_path: Path) -> None:
    environment = {
        "OMP_NUM_THREADS": "2",
        "MY_FLAG": "on",
        "MY_TOKEN": "S3cret",
        "AWS_SECRET_ACCESS_KEY": "S3cret",
        "SWEEPWORKS_RECORD_ENV": "MY_FLAG, MY_TOKEN",
    }

    found = software(tmp_path, environment)["environment"]

    assert found == {"OMP_NUM_THREADS": "2", "MY_FLAG": "on"}


def test_the_machine_is_told() -> None:
    found = hardware()

    assert found["cores"] == os.cpu_count()
    assert found["memory_bytes"] > 0
    assert found["node"]


def test_the_same_seed_draws_the_same() -> None:
    drawn: list[tuple[float, float]] = []
    done: Mapping[str, Any] = {}
    for _ in range(2):
        done = seed_everything(7)
        drawn.append((random.random(), float(np.random.random())))  # noqa: NPY002 - what is seeded

    assert drawn[0] == drawn[1]
    assert (done["seed"], done["numpy"]) == (7, derived(7, "numpy"))
    assert done["python"] != done["numpy"]


def test_frameworks_are_seeded_and_asked_to_be_deterministic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {}
    torch = types.SimpleNamespace(
        manual_seed=lambda seed: asked.update(torch=seed),
        use_deterministic_algorithms=lambda on: asked.update(algorithms=on),
        are_deterministic_algorithms_enabled=lambda: asked.get("algorithms", False),
        backends=types.SimpleNamespace(
            cudnn=types.SimpleNamespace(benchmark=True, deterministic=False)
        ),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)

    done = seed_everything(7, deterministic=True)

    assert asked == {"torch": derived(7, "torch"), "algorithms": True}
    assert done["torch_flags"] == {
        "deterministic_algorithms": True,
        "cudnn_benchmark": False,
        "cudnn_deterministic": False,
    }
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def capture(
    folder: Path, script: Path | None = None
) -> tuple[dict[str, Mapping[str, Any]], dict[str, bytes], list[str]]:
    """Sections, what is kept, and what is said."""
    sections: dict[str, Mapping[str, Any]] = {}
    kept: dict[str, bytes] = {}
    said: list[str] = []
    capturing = Capture(
        folder,
        script=script,
        add=lambda name, document: sections.update({name: document}),
        keep=lambda name, content: kept.update({name: content}),
        warn=lambda _, sentence: said.append(sentence),
    )
    capturing.begin()
    capturing.finish(seconds=20)
    return sections, kept, said


def test_a_run_gets_its_sections_and_what_differs_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    script = tmp_path / "train.py"
    script.write_text("print(1)\n")
    monkeypatch.setattr(sys, "argv", [str(script), "--lr", "1", "--password", "S3cret"])

    sections, kept, said = capture(tmp_path, script)

    assert list(sections) == ["code", "software", "hardware"]
    code = sections["code"]
    assert code["script"]["path"] == "train.py"
    assert code["arguments"] == ["--lr", "1", "--password", "***"]
    assert list(kept) == [code["files"]]
    assert said == ["the work tree differs from its commit; a patch is kept"]


def test_a_capture_that_fails_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    for name in ("code_state", "software", "hardware"):
        monkeypatch.setattr(f"sweepworks.provenance.capture.{name}", fail)

    sections, _, said = capture(tmp_path)

    assert sections == {}
    assert len(said) == 3


@pytest.mark.usefixtures("scratch")
def test_a_run_sends_what_it_is_made_of(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_PROVENANCE", "on")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    script = tmp_path / "train.py"
    script.write_text(
        "import random, sweepworks\nrun = sweepworks.init()\nrun.seed_everything()\n"
        "print(random.random())\nrun.log({'loss': 1.0})\n"
    )

    done = subprocess.run(
        [sys.executable, script], check=True, capture_output=True, text=True, timeout=60
    )

    sections = {name: part for flush in gateway.flushes for name, part in flush.provenance.items()}
    assert set(sections) == {"code", "software", "hardware", "seeds"}
    random.seed(derived(sections["seeds"]["seed"], "python"))
    assert float(done.stdout) == random.random()
    assert sections["code"]["files"] in {artifact["name"] for artifact in gateway.artifacts}
    assert gateway.points() == {"loss": [(0, 1.0)]}
