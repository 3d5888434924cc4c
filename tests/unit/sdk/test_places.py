"""A run begins wherever the script is, also where there is no folder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import sweepworks

from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.usefixtures("trial")


@pytest.fixture
def no_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()


@pytest.mark.usefixtures("no_working_directory")
@pytest.mark.parametrize("mode", ["online", "disabled"])
def test_a_working_directory_that_was_removed_stops_no_trial(
    gateway: FakeGateway, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_MODE", mode)

    run = sweepworks.init()
    run.log({"loss": 1.0})
    run.finish()

    assert gateway.points() == ({"loss": [(0, 1.0)]} if mode == "online" else {})


@pytest.mark.usefixtures("no_working_directory", "scratch")
def test_nor_a_scratch_run(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEPWORKS_HOME", raising=False)
    monkeypatch.delenv("SWEEPWORKS_GATEWAY_URL")

    sweepworks.init().finish()

    assert gateway.points() == {}


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no memory to write to")
def test_without_a_temporary_folder_memory_is_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none() -> str:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setenv("SWEEPWORKS_SPOOL_DIR", "/proc/none")
    monkeypatch.setattr(tempfile, "gettempdir", none)

    sweepworks.init().finish()

    assert "nothing is recorded" not in capsys.readouterr().err


def test_in_a_folder_that_cannot_be_read_it_begins(gateway: FakeGateway, tmp_path: Path) -> None:
    code = "import sweepworks; run = sweepworks.init(); run.log({'loss': 1.0}); run.finish()"
    tmp_path.chmod(0o500)

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)

    assert gateway.points() == {"loss": [(0, 1.0)]}
