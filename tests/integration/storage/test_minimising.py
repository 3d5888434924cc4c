"""Tables written anew with less of persons in them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from governance.datasets.minimisation import Minimisation
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


# Values as they are


def minimised(data: DataWorld, location: Path, asked: Minimisation) -> Path:
    data.register(location)
    out = data.folder / "out"
    minimise(data.get("people"), asked, folder=out, key=KEY)
    return out


@pytest.mark.parametrize(
    "rows",
    [
        "007,NA,1.10,x\n010,null,2,y\n",  # what looks like a number, or like nothing
        "1,2,,x\n,,,y\n",
        '1,"a, ""b""\nc",3,x\n',
        "12345678901234567890,0.1234567890123456789,1e5,x\n",
    ],
)
def test_what_nothing_is_done_to_is_as_it_was_in_lines_of_values(
    data: DataWorld, rows: str
) -> None:
    out = minimised(data, data.file("a.csv", f"a,b,c,gone\n{rows}"), Minimisation(drop=("gone",)))

    before = list(csv.reader(rows.splitlines(keepends=True)))
    after = list(csv.reader((out / "a.csv").read_text().splitlines(keepends=True)))
    assert after == [["a", "b", "c"], *(row[:3] for row in before)]


def test_a_separator_at_the_end_of_lines_moves_no_value(data: DataWorld) -> None:
    file = data.file("a.csv", "mail,age,city\np@x,30,Ulm,\nq@x,40,Bonn,\n")

    out = minimised(data, file, Minimisation(drop=("mail",)))

    assert (out / "a.csv").read_text() == "age,city\n30,Ulm\n40,Bonn\n"
    assert [c.max for c in data.get("people").profile.columns] == [None, 40, None]


def test_a_value_without_a_column_is_not_lost_in_silence(data: DataWorld) -> None:
    file = data.file("a.csv", "age,city\nr1,30,Ulm\nr2,40,Bonn\n")

    with pytest.raises(InvalidDataset, match="line 2 has 3 values in 2 columns"):
        minimised(data, file, Minimisation(drop=("age",)))


def test_what_nothing_is_done_to_is_as_it_was_in_lines_of_json(data: DataWorld) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "007", "x": 0.1234567890123456, "n": 12345678901234567, "gone": 1},
        {"x": 1e300, "n": None, "2020": [1, {"a": "1"}], "gone": 2},
    ]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)

    out = minimised(data, data.file("a.jsonl", text), Minimisation(drop=("gone",)))

    after = [json.loads(line) for line in (out / "a.jsonl").read_text().splitlines()]
    assert after == [{k: v for k, v in row.items() if k != "gone"} for row in rows]


def test_types_of_parquet_stay_and_an_index_is_a_column(data: DataWorld) -> None:
    frame = pd.DataFrame(
        {"n": pd.array([2**60 + 1, None], dtype="Int64"), 5: ["007", "NA"]},
        index=pd.Index(["p@x", "q@x"], name="mail"),
    )
    frame.columns = frame.columns.astype(str)
    frame.to_parquet(data.folder / "a.parquet")

    out = minimised(data, data.folder / "a.parquet", Minimisation(drop=("mail",)))

    found = parquet.read_table(out / "a.parquet")
    assert found.to_pydict() == {"n": [2**60 + 1, None], "5": ["007", "NA"]}
    assert str(found.schema.field("n").type) == "int64"


def test_an_id_has_one_pseudonym_in_every_piece_file_and_type(
    data: DataWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 2)
    data.file("in/a.csv", "id\n1\n2\n1\nx\n1.0\n")
    data.file("in/b.jsonl", '{"id": 1}\n{"id": "1"}\n{"id": 1.0}\n{"id": null}\n')
    pd.DataFrame({"id": [1.0, None]}).to_parquet(data.folder / "in" / "c.parquet")

    out = minimised(data, data.folder / "in", Minimisation(hash=("id",)))

    lines = (out / "a.csv").read_text().splitlines()[1:]
    ones = [lines[0], lines[2], lines[4]]
    ones += [json.loads(line)["id"] for line in (out / "b.jsonl").read_text().splitlines()[:3]]
    ones += parquet.read_table(out / "c.parquet")["id"].to_pylist()[:1]
    assert len(ones) == 7
    assert len(set(ones)) == 1
    assert len({lines[0], lines[1], lines[3]}) == 3


def test_words_that_look_like_nothing_have_pseudonyms_and_zeros_in_front_count(
    data: DataWorld,
) -> None:
    out = minimised(
        data, data.file("a.csv", "id,x\nNA,1\n007,2\n7,3\n,4\n"), Minimisation(hash=("id",))
    )

    found = [line.split(",")[0] for line in (out / "a.csv").read_text().splitlines()[1:]]
    assert "NA" not in found
    assert len(set(found)) == 4
    assert found[3] == ""


def test_absent_numbers_stay_absent_beside_buckets(data: DataWorld) -> None:
    out = minimised(
        data, data.file("a.csv", "age\n31\nNA\n47.5\n"), Minimisation(bucket={"age": 10})
    )

    assert (out / "a.csv").read_text() == "age\n30\nNA\n40\n"


def test_a_column_that_is_in_no_table_is_named(data: DataWorld) -> None:
    data.file("in/a.csv", "age\n1\n")
    np.savez(data.folder / "in" / "d.npz", names=np.array(["p", "q"]))

    with pytest.raises(InvalidDataset, match="there is no column 'names'; there are age"):
        minimised(data, data.folder / "in", Minimisation(drop=("names",)))
    assert not (data.folder / "out").exists()


def test_until_all_of_it_is_written_nothing_looks_whole(data: DataWorld) -> None:
    for name in "ab":
        data.file(f"in/{name}.csv", "age,mail\n1,p\n")
    data.register(data.folder / "in")
    seen: list[bool] = []

    class Killed(BaseException):
        pass

    def kill(_: int) -> None:
        seen.append((data.folder / "out").exists())
        if len(seen) == 2:
            raise Killed

    with pytest.raises(Killed):
        minimise(
            data.get("people"), Minimisation(drop=("mail",)), folder=data.folder / "out", key=KEY,
            progress=kill,
        )  # fmt: skip

    assert seen == [False, False]
    assert not [path for path in data.folder.iterdir() if path.name != "in"]


def test_two_tables_that_would_become_one_are_named(data: DataWorld) -> None:
    data.file("in/a.csv", "age,x\n1,2\n")
    pd.DataFrame({"age": [1], "x": [2]}).to_csv(data.folder / "in" / "a.csv.gz", index=False)

    with pytest.raises(InvalidDataset, match=r"a\.csv\.gz and another table"):
        minimised(data, data.folder / "in", Minimisation(drop=("x",)))
