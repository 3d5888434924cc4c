"""Artifacts that a script says it uses."""

from pathlib import Path

import pytest
import sweepworks
from sweepworks import inputs

from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.usefixtures("trial")
NAME = "digits-aaaaaaaa-00001/models/best model.pt"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, and a cache."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("SWEEPWORKS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "work"


def test_an_input_is_a_file_in_the_working_directory(gateway: FakeGateway, elsewhere: Path) -> None:
    gateway.content = b"weights"
    run = sweepworks.init()

    path = run.use_artifact(NAME)
    run.use_artifact(NAME)
    run.finish()

    assert path == elsewhere / ".sweepworks-inputs" / NAME
    assert path.read_bytes() == b"weights"
    assert gateway.inputs == [NAME, NAME]
    assert len([got for got in gateway.gets if "/inputs/" in got]) == 1


def test_a_gateway_that_restarts_is_waited_for(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_RETRY_SECONDS", 0.01)
    gateway.content = b"weights"
    gateway.get_answers = [503, 503]
    run = sweepworks.init()

    path = run.use_artifact(NAME)
    run.finish()

    assert path.read_bytes() == b"weights"


def test_without_a_gateway_it_is_an_error_and_not_another_file(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_MODE", "offline")
    run = sweepworks.init()

    with pytest.raises(ConnectionError, match="none is known"):
        run.use_artifact(NAME)
    run.finish()


def test_one_that_does_not_answer_is_an_error(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(inputs, "_RETRY_SECONDS", 0.01)
    gateway.get_answers = [503] * 1000
    run = sweepworks.init()

    with pytest.raises(ConnectionError, match="cannot be had"):
        run.use_artifact(NAME)
    gateway.get_answers.clear()
    run.finish()


@pytest.mark.parametrize("name", ["", "run", "run/", "/model", "run/../x", "../x", "run//x"])
def test_what_cannot_be_a_name_is_not_asked_for(gateway: FakeGateway, name: str) -> None:
    run = sweepworks.init()

    with pytest.raises(ValueError, match="cannot be the name"):
        run.use_artifact(name)
    run.finish()

    assert gateway.inputs == []


def test_other_bytes_than_were_stored_are_not_used(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sweepworks.init()
    gateway.content = b"weights"
    answer_to = gateway.answer_to

    def lie(path: str, body: bytes) -> tuple[int, bytes]:
        answered = answer_to(path, body)
        gateway.content = b"WEIGHTS"
        return answered

    monkeypatch.setattr(gateway, "answer_to", lie)

    with pytest.raises(ValueError, match="that were stored"):
        run.use_artifact(NAME)
    run.finish()
