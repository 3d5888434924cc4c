from importlib.resources import files
from pathlib import Path

import pytest

from orchestration.home import Home
from orchestration.supervisor.children import (
    code_server_command,
    daemon_command,
    gateway_command,
    webserver_command,
    write_dagster_home,
    write_workspace,
)
from sweeps.errors import PermanentError

ROOT = Path(__file__).resolve().parents[3]


def test_every_service_listens_on_the_loopback_interface_only() -> None:
    for command in (code_server_command(1), webserver_command(2, Path("/w"))):
        assert command[command.index("--host") + 1] == "127.0.0.1"
    assert gateway_command(3)[-2:] == ["--port", "3"]
    assert daemon_command(Path("/w"))[-1] == "/w"


def test_dagsters_home_gets_the_current_dagster_yaml(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    source = tmp_path / "dagster.yaml"

    for text in ("old: 1\n", "new: 2\n"):
        source.write_text(text)
        write_dagster_home(home, dagster_yaml=source)

    assert (home.dagster / "dagster.yaml").read_text() == "new: 2\n"


def test_an_installation_without_dagster_yaml_says_so(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="none is missing"):
        write_dagster_home(Home(tmp_path), dagster_yaml=tmp_path / "none")


def test_an_installed_package_brings_the_dagster_yaml_of_the_root(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()

    write_dagster_home(home)

    packaged = files("orchestration") / "dagster.yaml"
    assert packaged.read_text() == (ROOT / "dagster.yaml").read_text()
    assert (home.dagster / "dagster.yaml").read_text() == packaged.read_text()


def test_the_workspace_names_the_code_server(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()

    text = write_workspace(home, code_server_port=4001).read_text()

    assert "port: 4001" in text
    assert "host: 127.0.0.1" in text
