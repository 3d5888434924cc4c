"""`sweepworks artifacts`, on files of a script outside any sweep."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation

SCRIPT = """
import os, pathlib, sweepworks
run = sweepworks.init()
pathlib.Path("model.pt").write_bytes(b"weights" * 1000)
run.log_artifact("model.pt", "models/model.pt", type="checkpoint")
print(run.id, flush=True)
os._exit(0)  # without its last word: the run is not sealed
"""


@pytest.fixture(scope="module")
def run(installation: Installation) -> str:
    """A run that is not sealed, with one artifact."""
    installation.run("list")  # which starts the services
    up = installation.start("up")
    try:
        printed = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=installation.folder,
            env={**installation.environment, "SWEEPWORKS_PROVENANCE": "off"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        )
        return printed.stdout.split()[-1]
    finally:
        up.terminate()
        up.communicate(timeout=30)


def stored(installation: Installation) -> list[Path]:
    return [path for path in (installation.home / "artifacts").rglob("*") if len(path.name) == 64]


def test_files_are_listed_and_fetched(installation: Installation, run: str) -> None:
    found = installation.json("artifacts", "ls", run)
    (listed,) = [one for one in found if one["name"] == "models/model.pt"]
    got = installation.json("artifacts", "get", f"{run}/models/model.pt", "-o", "there.pt")
    text = installation.run("artifacts", "ls", run)

    assert (listed["type"], listed["size_bytes"]) == ("checkpoint", 7000)
    assert Path(got["path"]).read_bytes() == b"weights" * 1000
    assert got["sha256"] == listed["sha256"]
    assert f"{run}/models/model.pt" in text


def test_a_file_that_is_there_is_not_written_over(installation: Installation, run: str) -> None:
    (installation.folder / "model.pt").write_text("mine")

    said = installation.run("artifacts", "get", f"{run}/models/model.pt", code=1)

    assert "model.pt is there already" in said
    assert (installation.folder / "model.pt").read_text() == "mine"


def test_a_file_is_stored_and_the_same_name_takes_no_other(
    installation: Installation, run: str
) -> None:
    file = installation.folder / "notes.txt"
    file.write_text("one")
    put = installation.json("artifacts", "put", run, str(file), "--type", "notes")
    again = installation.json("artifacts", "put", run, str(file), "--type", "notes")
    file.write_text("two")

    said = installation.run("artifacts", "put", run, str(file), "--type", "notes", code=1)

    assert put == again
    assert put["artifact"] == f"{run}/notes.txt"
    assert "notes.txt" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("ls", "nobody"),
        ("ls", "--sweep", "nobody"),
        ("get", "nobody/model"),
        ("get", "nobody"),
        ("put", "nobody", "{file}"),
        ("verify", "nobody"),
    ],
)
def test_what_is_not_there_is_a_sentence(
    installation: Installation, run: str, arguments: tuple[str, ...]
) -> None:
    file = installation.folder / "some"
    file.write_text("x")

    said = installation.run("artifacts", *(word.format(file=file) for word in arguments), code=1)

    assert "rror: " in said
    assert "Traceback" not in said


def test_bytes_that_have_changed_or_are_gone_are_named_and_mended(
    installation: Installation, run: str
) -> None:
    for name in ("lost", "changed"):
        file = installation.folder / name
        file.write_text(name)
        installation.run("artifacts", "put", run, str(file))
    good = installation.json("artifacts", "verify")
    by_content = {path.read_bytes(): path for path in stored(installation)}
    by_content[b"lost"].unlink()
    by_content[b"changed"].chmod(0o600)
    by_content[b"changed"].write_text("charged")

    said = installation.run("artifacts", "verify", run, code=1)
    os.truncate(by_content[b"changed"], 3)
    installation.run("artifacts", "verify", run, "--sample", "2", code=1)
    by_content[b"changed"].unlink()
    for name in ("lost", "changed"):  # as it says
        installation.run("artifacts", "put", run, str(installation.folder / name))

    assert good["bad"] == []
    assert f"{run}/lost: its bytes are missing" in said
    assert f"{run}/changed: its bytes have changed" in said
    assert "sweepworks artifacts put" in said
    assert installation.json("artifacts", "verify", run)["bad"] == []
