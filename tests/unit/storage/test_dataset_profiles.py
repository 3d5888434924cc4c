"""What is summed up of tables and arrays, whatever their format and however they are cut."""

import dataclasses
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.datasets import tables
from storage.datasets.column_summary import ColumnSummary
from storage.datasets.manifests import find_files
from storage.datasets.profiling import profile_files
from storage.datasets.tables import ColumnPiece
from sweeps.data_profiles import ColumnKind, ColumnProfile, Profile, profile

FRAME = pd.DataFrame(
    {
        "age": [30, 41, 22, 30],
        "weight": [70.5, None, 55.25, 81.0],
        "city": ["Ulm", "Bonn", None, "Ulm"],
        "member": [True, False, True, True],
    }
)


def written(frame: pd.DataFrame, file: Path) -> None:
    match "".join(file.suffixes):
        case ".csv" | ".csv.gz":
            frame.to_csv(file, index=False)
        case ".tsv":
            frame.to_csv(file, index=False, sep="\t")
        case ".parquet":
            frame.to_parquet(file)
        case _:
            frame.to_json(file, orient="records", lines=True)


def profile_of(location: Path) -> Profile:
    return profile_files(find_files(location))


def column(found: Profile, name: str) -> ColumnProfile:
    there = found.column(name)
    assert there is not None, [c.name for c in found.columns]
    return there


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "parquet", "jsonl"])
def test_a_table_is_summed_up_alike_in_every_format(tmp_path: Path, ending: str) -> None:
    written(FRAME, tmp_path / f"people.{ending}")

    found = profile_of(tmp_path)

    assert found.row_count == 4
    assert found.notes == ()
    age, weight, city, member = (column(found, name) for name in FRAME.columns)
    assert (age.kind, age.min, age.max, age.mean) == (ColumnKind.INTEGER, 22, 41, 30.75)
    assert (age.null_count, age.distinct_count, dict(age.values)["30"]) == (0, 3, 2)
    assert (weight.kind, weight.null_count, weight.max) == (ColumnKind.NUMBER, 1, 81.0)
    assert (city.kind, city.null_count, dict(city.values)) == (
        ColumnKind.TEXT, 1, {"Ulm": 2, "Bonn": 1},
    )  # fmt: skip
    assert (member.kind, dict(member.values)) == (ColumnKind.BOOLEAN, {"true": 3, "false": 1})


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_pieces_decide_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    written(FRAME, tmp_path / "people.csv")
    whole = profile_of(tmp_path)
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", at_once)

    cut = profile_of(tmp_path)

    for was, now in zip(whole.columns, cut.columns, strict=True):
        assert dataclasses.replace(was, mean=0, std=0) == dataclasses.replace(now, mean=0, std=0)
        assert was.mean == pytest.approx(now.mean)


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")), max_size=60),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_numbers_are_exact_however_they_come(values: list[float], cuts: list[int]) -> None:
    summary = ColumnSummary("x", seed=0, limit=10)
    array = np.array(values, dtype=float)
    for piece in np.split(array, sorted(min(cut, len(values)) for cut in cuts)):
        kind = ColumnKind.NUMBER if not np.isnan(piece).all() else None
        summary.add(ColumnPiece("x", kind, "float64", piece))

    found = summary.profile()

    present = array[~np.isnan(array)]
    assert (found.count, found.null_count) == (len(array), len(array) - len(present))
    assert found.sample_size == min(10, len(present))
    if len(present):
        assert (found.min, found.max) == (present.min(), present.max())
        assert found.mean == pytest.approx(present.mean(), abs=1e-3)
        assert found.std == pytest.approx(present.std(), rel=1e-6, abs=1e-3)


def test_a_sample_is_the_same_for_the_same_seed_and_like_the_whole(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=50_000)

    def summed(seed: int, cut: int) -> ColumnProfile:
        summary = ColumnSummary("x", seed=seed, limit=2_000)
        for piece in np.array_split(values, cut):
            summary.add(ColumnPiece("x", ColumnKind.NUMBER, "float64", piece))
        return summary.profile()

    assert summed(3, 7) != summed(4, 7)
    assert summed(3, 7).quantiles == summed(3, 90).quantiles
    assert summed(3, 7).sample_size == 2_000
    assert summed(3, 7).quantiles[100] == pytest.approx(np.median(values), abs=0.1)


def test_a_column_that_turns_into_words_is_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 2)
    (tmp_path / "a.csv").write_text("x\n1\n2\nthree\n4\n5\n6\n")

    x = column(profile_of(tmp_path), "x")

    assert (x.kind, x.count, x.min) == (ColumnKind.TEXT, 6, None)
    assert dict(x.values) == dict.fromkeys(["1", "2", "three", "4", "5", "6"], 1)


def test_files_of_a_folder_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x\n3\n5\n")
    (tmp_path / "c.bin").write_bytes(b"\0\1")

    found = profile_of(tmp_path)

    assert found.row_count == 3
    assert (column(found, "x").count, column(found, "x").mean) == (3, 3.0)
    assert column(found, "y").count == 1


def test_arrays_are_columns_and_those_of_one_length_the_same_rows(tmp_path: Path) -> None:
    images = np.arange(60 * 4 * 4, dtype=np.uint8).reshape(60, 4, 4)
    np.savez(tmp_path / "d.npz", x=images, y=np.arange(60) % 3, t=np.ones(7))
    np.save(tmp_path / "w.npy", np.asfortranarray(np.array([[1.0, 2.0], [3.0, np.nan]])))

    found = profile_of(tmp_path)

    assert found.row_count == 60 + 7 + 2
    x, y, w = (column(found, name) for name in "xyw")
    assert (x.dtype, x.count, x.min, x.max) == ("uint8[4, 4]", 960, 0, 255)
    assert dict(y.values) == {"0": 20, "1": 20, "2": 20}
    assert (w.count, w.null_count, w.mean) == (4, 1, 2.0)


def test_nothing_in_an_array_is_ever_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "sprung").touch, ())

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)

    found = profile_of(tmp_path)

    assert "not read" in found.notes[0]
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"PAR1 nonsense"),
        ("a.npz", b"PK nonsense"),
        ("a.npy", b"nonsense"),
        ("a.jsonl", b"{"),
        ("a.csv", b""),
        ("a.csv", b"\xff\xfe\x00x"),
        ("a.csv.gz", gzip.compress(b"x\n1\n", mtime=0)[:-9]),
    ],
)
def test_what_is_no_table_is_bytes_and_says_why(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    found = profile_of(tmp_path)

    assert found.row_count is None
    assert name in found.notes[0]


def test_names_of_persons_are_not_kept(tmp_path: Path) -> None:
    """Where values are as many as rows, none of them is stored."""
    rows = "\n".join(f"person{i}@example.org,{i % 2}" for i in range(500))
    (tmp_path / "a.csv").write_text(f"mail,group\n{rows}\n")

    found = profile_of(tmp_path)

    assert "person" not in str(found.as_document())
    assert column(found, "mail").distinct_count == 500
    assert dict(column(found, "group").values) == {"0": 250, "1": 250}


def test_infinities_are_counted_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\ninf\n-inf\n3\n")

    x = column(profile_of(tmp_path), "x")

    assert (x.count, x.nonfinite_count, x.mean, x.max) == (4, 2, 2.0, 3.0)


@pytest.mark.parametrize("number", [12345678901234567890, 2**60 + 1])
def test_numbers_too_large_for_a_histogram_have_none(tmp_path: Path, number: int) -> None:
    (tmp_path / "a.csv").write_text(f"id\n{number}\n")

    found = column(profile_of(tmp_path), "id")

    assert (found.histogram, found.max) == (None, float(number))


def test_a_profile_is_read_back_as_it_was_stored(tmp_path: Path) -> None:
    written(FRAME, tmp_path / "people.parquet")
    found = profile_of(tmp_path)

    assert profile(found.as_document(), row_count=found.row_count) == found
