"""Files of a dataset: which there are, what is in them, and tricks that do not work."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from storage.datasets import manifests
from storage.datasets.manifests import differing_files, find_files, hash_files, place_of
from sweeps.datasets import InvalidDataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    (made / "b").mkdir(parents=True)
    (made / "a.txt").write_text("one")
    (made / "b" / "c.txt").write_text("two")
    return made


def paths(location: Path) -> list[str]:
    return [file.path for file in find_files(location)]


def test_every_file_has_its_digest_by_path(folder: Path) -> None:
    entries = hash_files(find_files(folder)).entries

    assert [(e.path, e.size_bytes, e.sha256) for e in entries] == [
        ("a.txt", 3, hashlib.sha256(b"one").hexdigest()),
        ("b/c.txt", 3, hashlib.sha256(b"two").hexdigest()),
    ]


def test_a_file_is_a_dataset_by_itself(folder: Path) -> None:
    assert paths(folder / "a.txt") == ["a.txt"]
    assert place_of(str(folder / "a.txt"), "a.txt") == folder / "a.txt"
    assert place_of(str(folder), "a.txt") == folder / "a.txt"


def test_what_programs_put_beside_data_is_left_out(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("x")
    (folder / ".DS_Store").write_text("x")
    (folder / ".hidden").write_text("kept")

    assert paths(folder) == [".hidden", "a.txt", "b/c.txt"]


def test_links_within_the_folder_are_followed(folder: Path) -> None:
    (folder / "link.txt").symlink_to("a.txt")
    (folder / "again").symlink_to(folder / "b", target_is_directory=True)

    entries = {e.path: e.sha256 for e in hash_files(find_files(folder)).entries}

    assert entries["link.txt"] == entries["a.txt"]
    assert entries["again/c.txt"] == entries["b/c.txt"]


@pytest.mark.parametrize("target", ["../outside.txt", "/etc/hostname", "b/../../outside.txt"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, target: str) -> None:
    (folder.parent / "outside.txt").write_text("secret")
    (folder / "link").symlink_to(target)

    with pytest.raises(InvalidDataset, match="link"):
        find_files(folder)


def test_a_folder_beside_with_the_same_beginning_is_outside(folder: Path) -> None:
    (folder.parent / "data-2").mkdir()
    (folder.parent / "data-2" / "x").write_text("x")
    (folder / "link").symlink_to("../data-2")

    with pytest.raises(InvalidDataset, match="out of the dataset"):
        find_files(folder)


def test_links_in_a_circle_are_refused(folder: Path) -> None:
    (folder / "b" / "up").symlink_to("..")

    with pytest.raises(InvalidDataset):
        find_files(folder)


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(folder)

    assert paths(tmp_path / "current") == ["a.txt", "b/c.txt"]


def test_what_is_no_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    with pytest.raises(InvalidDataset, match="neither a file nor a folder"):
        find_files(folder)


def test_a_name_that_is_no_text_is_refused(folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff"))).write_text("x")

    with pytest.raises(InvalidDataset, match="no text"):
        find_files(folder)


@pytest.mark.parametrize("what", ["nothing", "empty"])
def test_there_has_to_be_something(tmp_path: Path, what: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(InvalidDataset):
        find_files(tmp_path / what)


@pytest.mark.parametrize("path", ["../a", "/etc/hostname", "b/../../a", ""])
def test_a_path_of_a_manifest_leads_nowhere_else(folder: Path, path: str) -> None:
    with pytest.raises(InvalidDataset):
        place_of(str(folder), path)


class Meddler:
    """Changes a file while it is hashed, so many times."""

    def __init__(self, file: Path, times: int) -> None:
        self.file = file
        self.left = times
        self.lock = threading.Lock()

    def __call__(self, _: int) -> None:
        with self.lock:
            if self.left:
                self.left -= 1
                with self.file.open("ab") as opened:
                    opened.write(b"more")


def test_a_file_that_changes_once_while_it_is_hashed_is_hashed_again(tmp_path: Path) -> None:
    file = tmp_path / "growing"
    file.write_bytes(b"x")

    hashed = hash_files(find_files(file), progress=Meddler(file, 1))

    assert hashed.entries[0].sha256 == hashlib.sha256(b"xmore").hexdigest()
    assert hashed.entries[0].size_bytes == 5
    hashed.require_unchanged()


def test_a_file_that_goes_on_changing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "growing"
    file.write_bytes(b"x")

    with pytest.raises(InvalidDataset, match="growing changed while it was read"):
        hash_files(find_files(file), progress=Meddler(file, 99))


def test_a_file_of_the_same_size_that_was_written_anew_is_noticed(folder: Path) -> None:
    hashed = hash_files(find_files(folder))
    os.utime(folder / "a.txt", ns=(1, 1))

    with pytest.raises(InvalidDataset, match=r"a\.txt changed"):
        hashed.require_unchanged()


def test_a_file_that_is_removed_is_named(folder: Path) -> None:
    found = find_files(folder)
    (folder / "a.txt").unlink()

    with pytest.raises(InvalidDataset, match=r"a\.txt was removed"):
        hash_files(found)


def test_more_files_than_a_manifest_holds_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "MOST_FILES", 1)

    with pytest.raises(InvalidDataset, match="more than 1 files"):
        find_files(folder)


def test_what_is_new_gone_or_of_another_size_is_told_without_reading(folder: Path) -> None:
    entries = hash_files(find_files(folder)).entries
    assert differing_files(find_files(folder), entries) == []
    (folder / "a.txt").write_text("longer")
    (folder / "b" / "c.txt").unlink()
    (folder / "new").write_text("x")

    assert differing_files(find_files(folder), entries) == [
        "a.txt has 6 bytes and had 3",
        "b/c.txt is not there any more",
        "new was not there",
    ]
