import stat
import threading
from pathlib import Path

import pytest

from orchestration.home import Home
from orchestration.private_files import write_once, write_private
from sweeps.errors import StorageUnavailable


def test_preparing_twice_keeps_the_secrets(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")

    home.prepare()
    key, token = home.signing_key(), home.token()
    home.prepare()

    assert (home.signing_key(), home.token()) == (key, token)
    assert len(key) == 32


def test_everything_in_a_home_is_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    home.prepare()

    for path in (home.folder, *home.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_permissions_of_a_folder_that_exists_are_kept(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home").chmod(0o755)

    Home(tmp_path / "home").prepare()

    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o755


def test_a_home_is_never_committed_with_a_project(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    home.prepare()

    assert (home.folder / ".gitignore").read_text() == "*\n"


def test_of_many_writers_one_wins_and_all_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "once"
    seen: list[str] = []

    def write(text: str) -> None:
        write_once(path, text)
        seen.append(path.read_text())

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(seen)) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["once"]


def test_replacing_a_file_leaves_no_other(tmp_path: Path) -> None:
    write_private(tmp_path / "file", "old")

    write_private(tmp_path / "file", "new")

    assert (tmp_path / "file").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_home_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageUnavailable, match="cannot be used"):
        Home(tmp_path / "file" / "home").prepare()
