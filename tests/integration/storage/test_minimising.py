"""Tables written anew with less of persons in them."""

from pathlib import Path

import pandas as pd
import pytest

from governance.minimisation import Minimisation
from storage.database import Pool
from storage.datasets import tables
from storage.datasets.minimising import minimise
from sweeps.datasets import InvalidDataset
from tests.integration.storage.data_world import DataWorld

KEY = b"key"
FRAME = pd.DataFrame(
    {"mail": [f"p{n % 7}@x" if n % 5 else None for n in range(200)], "age": range(200)}
)


@pytest.fixture
def data(pool: Pool, tmp_path: Path) -> DataWorld:
    return DataWorld(pool, tmp_path)


def register(data: DataWorld, ending: str) -> None:
    folder = data.folder / "in"
    folder.mkdir()
    (folder / "readme.txt").write_text("hello")
    match ending:
        case "csv":
            FRAME.to_csv(folder / "a.csv", index=False)
        case "parquet":
            FRAME.to_parquet(folder / "a.parquet")
        case _:
            FRAME.to_json(folder / "a.jsonl", orient="records", lines=True)
    data.register(folder)


def read(file: Path) -> pd.DataFrame:
    match file.suffix:
        case ".csv":
            return pd.read_csv(file)
        case ".parquet":
            return pd.read_parquet(file)
        case _:
            return pd.read_json(file, lines=True)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_columns_become_pseudonyms_and_buckets_in_every_format(
    data: DataWorld, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 60)
    register(data, ending)
    asked = Minimisation(hash=("mail",), bucket={"age": 10})

    left_out = minimise(data.get("people"), asked, folder=data.folder / "out", key=KEY)

    found = read(data.folder / "out" / f"a.{ending}")
    assert left_out == ["readme.txt"]
    assert list(found["age"]) == [n // 10 * 10 for n in range(200)]
    assert pd.isna(found["mail"]).to_list() == pd.isna(FRAME["mail"]).to_list()
    pseudonyms = found["mail"].dropna()
    assert len(set(pseudonyms)) == 7
    assert not [word for word in pseudonyms if "@" in word]
    same = FRAME["mail"].dropna().to_list()
    assert len(set(zip(same, pseudonyms, strict=True))) == 7


def test_pseudonyms_are_another_s_with_another_key(data: DataWorld) -> None:
    register(data, "csv")
    version = data.get("people")

    for key in (b"one", b"two"):
        minimise(version, Minimisation(hash=("mail",)), folder=data.folder / key.decode(), key=key)

    one, two = (read(data.folder / name / "a.csv")["mail"].dropna() for name in ("one", "two"))
    assert not set(one) & set(two)


@pytest.mark.parametrize("at_once", [7, 1000])
def test_a_sample_is_drawn_by_its_seed_however_rows_come(
    data: DataWorld, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(data, "csv")
    version = data.get("people")
    minimise(version, Minimisation(sample=0.3, seed=5), folder=data.folder / "a", key=KEY)
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", at_once)
    minimise(version, Minimisation(sample=0.3, seed=5), folder=data.folder / "b", key=KEY)
    minimise(version, Minimisation(sample=0.3, seed=6), folder=data.folder / "c", key=KEY)

    a, b, c = (read(data.folder / name / "a.csv")["age"].to_list() for name in "abc")
    assert a == b != c
    assert 40 < len(a) < 80


def test_a_column_without_numbers_has_no_buckets(data: DataWorld) -> None:
    register(data, "csv")

    with pytest.raises(InvalidDataset, match="mail"):
        minimise(
            data.get("people"), Minimisation(bucket={"mail": 2}), folder=data.folder / "o", key=KEY
        )


def test_data_that_has_changed_is_not_minimised_as_what_it_was(data: DataWorld) -> None:
    register(data, "csv")
    (data.folder / "in" / "a.csv").write_text("mail,age\n")

    with pytest.raises(InvalidDataset, match="not what was registered"):
        minimise(
            data.get("people"), Minimisation(drop=("mail",)), folder=data.folder / "o", key=KEY
        )
    assert not (data.folder / "o").exists()
