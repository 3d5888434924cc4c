"""Environments have exactly the packages that are asked for, or say what is in the way."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from compute.interpreter import is_trusted, look_at
from compute.locked_environment import EnvironmentUnavailable, LockedEnvironments

PYTHON = ".".join(map(str, sys.version_info[:3]))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder of wheels, instead of an index far away."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "VALUE = 7\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return folder


@pytest.fixture
def environments(tmp_path: Path, index: Path) -> LockedEnvironments:
    variables = {
        **os.environ,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(index),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    return LockedEnvironments(tmp_path / "environments", variables)


def test_what_is_pinned_is_there_and_nothing_else_but_the_sdk(
    environments: LockedEnvironments,
) -> None:
    assert environments.trouble(PYTHON, {"tiny": "1.0"}) == ""

    python = environments.python(PYTHON, {"tiny": "1.0"})

    said = subprocess.check_output(
        [python, "-c", "import tiny, sweepworks; print(tiny.VALUE, sweepworks.__file__)"],
        text=True, cwd="/",
    )  # fmt: skip
    assert said.startswith("7 ")
    assert str(environments.folder) in said
    found = look_at(python)
    assert found is not None
    assert found.installed.python == PYTHON
    assert {
        n: v for n, v in found.installed.versions.items() if n not in {"pip", "setuptools"}
    } == {"tiny": "1.0"}


def test_it_is_made_once(environments: LockedEnvironments) -> None:
    first = environments.python(PYTHON, {"tiny": "1.0"})
    (first.parent.parent / "here").touch()

    assert environments.python(PYTHON, {"tiny": "1.0"}) == first
    assert (first.parent.parent / "here").exists()


def test_one_that_was_cut_off_is_made_anew(environments: LockedEnvironments) -> None:
    first = environments.python(PYTHON, {"tiny": "1.0"})
    (first.parent.parent / "complete").unlink()
    (first.parent.parent / "half").touch()

    environments.python(PYTHON, {"tiny": "1.0"})

    assert not (first.parent.parent / "half").exists()


def test_what_cannot_be_installed_is_said_before_and_then(environments: LockedEnvironments) -> None:
    assert "tiny" in environments.trouble(PYTHON, {"tiny": "9.9"})
    with pytest.raises(EnvironmentUnavailable, match="tiny"):
        environments.python(PYTHON, {"tiny": "9.9"})


def test_an_interpreter_that_is_not_here_is_said(environments: LockedEnvironments) -> None:
    assert "python2.6" in environments.trouble("2.6.1", {})


def test_what_nobody_uses_goes_away(environments: LockedEnvironments) -> None:
    old = environments.python(PYTHON, {})
    new = environments.python(PYTHON, {"tiny": "1.0"})
    month_ago = time.time() - 31 * 24 * 3600
    os.utime(old.parent.parent / "complete", (month_ago, month_ago))

    environments.forget_unused()

    assert not old.exists()
    assert new.exists()


def test_what_is_no_interpreter_is_none(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)

    assert look_at(tmp_path / "python") is None
    assert look_at(tmp_path / "none") is None


def test_an_interpreter_sees_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    spy = tmp_path / "python"
    spy.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\n")
    spy.chmod(0o755)

    look_at(spy)

    assert "hunter2" not in (tmp_path / "seen").read_text()


def test_what_anybody_may_have_written_is_not_trusted(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "python"
    program.parent.mkdir(mode=0o755)
    program.touch(mode=0o755)
    assert is_trusted(program)

    program.chmod(0o757)
    assert not is_trusted(program)
    program.chmod(0o755)
    program.parent.chmod(0o777)
    assert not is_trusted(program)
    assert not is_trusted(tmp_path / "none")


@pytest.mark.parametrize(
    "pins",
    [
        {"tiny": "1.0\n--index-url=http://127.0.0.1:1/"},
        {"-r/etc/passwd": "1.0"},
        {"tiny @ file:///x": "1"},
        {"tiny": "1.0; python_version > '3'"},
        {"tiny": ""},
    ],
)
def test_only_names_and_versions_get_to_the_installer(
    environments: LockedEnvironments, pins: dict[str, str]
) -> None:
    assert "is no package with a version" in environments.trouble(PYTHON, pins)
    with pytest.raises(EnvironmentUnavailable, match="no package with a version"):
        environments.python(PYTHON, pins)
