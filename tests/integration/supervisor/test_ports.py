import json
import logging
import socket
from pathlib import Path

import pytest

from orchestration.supervisor.ports import PortBook, is_answered, is_free
from sweeps.errors import StorageUnavailable


def test_a_port_is_chosen_once(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")

    port = book.choose("gateway")

    assert PortBook(tmp_path / "ports.json").choose("gateway") == port
    assert book.choose("code_server") != port


def test_a_preferred_port_is_taken_when_it_is_free(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        preferred = taken.getsockname()[1]
        assert not is_free(preferred)
        assert is_answered(preferred)
        assert PortBook(tmp_path / "a.json").choose("webserver", preferred=preferred) != preferred

    assert PortBook(tmp_path / "b.json").choose("webserver", preferred=preferred) == preferred


def test_a_stored_port_that_stays_taken_is_given_up_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ports.json"
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        taken = foreign.getsockname()[1]
        path.write_text(json.dumps({"gateway": taken, "code_server": 5}))

        with caplog.at_level(logging.WARNING):
            port = PortBook(path, patience_seconds=0.2).choose("gateway")

    assert port != taken
    assert json.loads(path.read_text()) == {"gateway": port, "code_server": 5}
    assert "taken" in caplog.text


def test_a_disk_that_takes_no_file_is_one_of_our_errors(tmp_path: Path) -> None:
    """The supervisor goes on without what could not be started."""
    path = tmp_path / "ports.json"
    path.mkdir()  # as root every other hindrance is none

    with pytest.raises(StorageUnavailable, match=r"ports\.json"):
        PortBook(path).choose("gateway")


@pytest.mark.parametrize("text", ["", "[1]", '{"gateway": "x"}', '{"gateway": 0}'])
def test_a_damaged_file_is_written_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ports.json"
    path.write_text(text)

    port = PortBook(path).choose("gateway")

    assert json.loads(path.read_text())["gateway"] == port
