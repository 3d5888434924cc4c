"""Whether data is what was registered, said without reading what is large and was not written since."""

import os
from pathlib import Path
from typing import Any

import pytest

from storage.database import Pool
from storage.datasets import presence as presences
from storage.datasets.gate import DataGate
from storage.datasets.presence import presence
from sweeps.datasets import DatasetRefused
from tests.integration.storage.data_world import TENANT, DataWorld

SMALL, LARGE = "x" * 10, "y" * 1000


@pytest.fixture
def data(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataWorld:
    monkeypatch.setattr(presences, "CHEAP_BYTES", 100)
    made = DataWorld(pool, tmp_path)
    made.file("in/small.bin", SMALL)
    made.file("in/large.bin", LARGE)
    made.register(tmp_path / "in")
    return made


@pytest.fixture
def read(data: DataWorld, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of files that are hashed from now on."""
    paths: list[str] = []
    hash_files = presences.hash_files

    def noting(found: Any, **options: Any) -> Any:
        paths.extend(file.path for file in found)
        return hash_files(found, **options)

    monkeypatch.setattr(presences, "hash_files", noting)
    return paths


def written_anew(file: Path, text: str) -> None:
    """As large as before, and later than that, however coarse the clock of the disk is."""
    before = file.stat()
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))


def large(data: DataWorld) -> Path:
    return data.folder / "in" / "large.bin"


def test_small_files_are_read_and_large_ones_that_nobody_wrote_are_not(
    data: DataWorld, read: list[str]
) -> None:
    found = presence(data.get("people"))

    assert read == ["small.bin"]
    assert (found.differs, found.is_equal_by_look, found.is_equal_by_hash) == (False, True, False)
    assert found.unread == ("large.bin",)


def test_what_fits_is_equal_by_hash(data: DataWorld) -> None:
    assert presence(data.get("people"), cheap_bytes=2_000).is_equal_by_hash


def test_other_content_of_one_size_differs_by_name(data: DataWorld) -> None:
    (data.folder / "in" / "small.bin").write_text("z" * 10)
    written_anew(large(data), "z" * 1000)

    found = presence(data.get("people"))

    assert found.differences == (
        "large.bin is not what was registered",
        "small.bin is not what was registered",
    )


def test_a_large_file_that_took_another_s_place_is_read(data: DataWorld, read: list[str]) -> None:
    """As `cp --preserve` and `rsync` do it: the time is the old one, the file is not."""
    before = large(data).stat()
    other = data.file("other.bin", "z" * 1000)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(large(data))

    assert presence(data.get("people")).differs
    assert "large.bin" in read


def test_files_that_were_not_there_differ_before_anything_is_read(
    data: DataWorld, read: list[str]
) -> None:
    data.file("in/new.bin", "")

    assert presence(data.get("people")).differences == ("new.bin was not there",)
    assert read == []


def test_a_gate_reads_what_was_written_again_once(data: DataWorld, read: list[str]) -> None:
    written_anew(large(data), LARGE)

    for _ in range(2):
        data.gate.pin(["people"], tenant_id=TENANT)

    assert read.count("large.bin") == 1
    assert data.get("people").row.location == str(data.folder / "in")


def test_a_gate_that_answers_requests_reads_nothing_large(data: DataWorld, read: list[str]) -> None:
    gate = DataGate(data.catalog, data.suites)
    gate.pin(["people"], tenant_id=TENANT)
    written_anew(large(data), LARGE)

    with pytest.raises(DatasetRefused, match="sweepworks data check people@1"):
        gate.pin(["people"], tenant_id=TENANT)
    assert "large.bin" not in read

    data.inspection.look(data.get("people"))
    assert gate.pin(["people"], tenant_id=TENANT)


def test_where_no_states_were_noted_sizes_are_all_that_is_known_until_it_is_checked(
    data: DataWorld, read: list[str]
) -> None:
    data.rows(
        "INSERT INTO dataset_locations (dataset_id, number, location)"
        " SELECT dataset_id, number, location FROM dataset_locations RETURNING 1"
    )
    gate = DataGate(data.catalog, data.suites)
    written_anew(large(data), "z" * 1000)

    assert presence(data.get("people")).is_equal_by_look
    assert gate.pin(["people"], tenant_id=TENANT)
    assert "large.bin" not in read

    assert data.inspection.look(data.get("people")).blocking


def test_registering_again_notes_the_files_anew_and_moves_nothing(data: DataWorld) -> None:
    written_anew(large(data), LARGE)

    again = data.register(data.folder / "in")

    assert (again.is_new, again.is_moved) == (False, False)
    assert presence(data.get("people")).rewritten == ()
    noted = data.get("people").states["large.bin"]
    assert noted.mtime_ns == large(data).stat().st_mtime_ns
