"""Data of a rerun is what was registered, or it is said that it is not, or that nobody has read it."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.reruns.data import looked_at
from storage.database import Pool
from storage.datasets import presence
from sweeps.datasets import DatasetVersion
from sweeps.reruns import DataFound
from tests.integration.storage.data_world import DataWorld


@pytest.fixture
def data(pool: Pool, tmp_path: Path) -> DataWorld:
    return DataWorld(pool, tmp_path)


def a_version(data: DataWorld) -> DatasetVersion:
    file = data.file("people/a.csv", "age\n30\n41\n")
    data.register(file.parent)
    return data.get("people@1")


def test_data_that_is_as_it_was_is_equal(data: DataWorld) -> None:
    assert looked_at(a_version(data)) == (DataFound.EQUAL, "")


def test_other_content_of_the_same_size_differs(data: DataWorld) -> None:
    version = a_version(data)
    data.file("people/a.csv", "age\n30\n42\n")

    found, why = looked_at(version)

    assert found is DataFound.DIFFERS
    assert "a.csv" in why


def test_a_file_more_differs(data: DataWorld) -> None:
    version = a_version(data)
    data.file("people/b.csv", "age\n1\n")

    found, why = looked_at(version)

    assert found is DataFound.DIFFERS
    assert "b.csv" in why


def test_data_that_is_gone_differs(data: DataWorld) -> None:
    version = a_version(data)
    (data.folder / "people" / "a.csv").unlink()

    assert looked_at(version)[0] is DataFound.DIFFERS


def test_what_is_large_is_not_read_but_its_files_are_counted(
    data: DataWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "CHEAP_BYTES", 1)
    version = a_version(data)

    assert looked_at(version)[0] is DataFound.UNREAD

    data.file("people/a.csv", "age\n30\n")
    assert looked_at(version)[0] is DataFound.DIFFERS


def test_addresses_of_elsewhere_are_not_looked_at(data: DataWorld) -> None:
    version = a_version(data)
    elsewhere = replace(version, row=replace(version.row, location="s3://bucket/people"))

    assert looked_at(elsewhere)[0] is DataFound.ELSEWHERE
