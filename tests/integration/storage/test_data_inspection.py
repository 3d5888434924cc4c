"""What is expected of data, looked at by great-expectations, and what a failure keeps from starting."""

from pathlib import Path

import numpy as np
import pytest

from storage.database import Pool
from storage.datasets import frames, tables
from storage.datasets.gate import DataGate
from storage.datasets.proposals import propose_suite
from sweeps.datasets import DatasetRefused, DatasetVersion, InvalidDataset
from tests.integration.storage.data_world import TENANT, DataWorld

ROWS = "age,city\n" + "".join(f"{20 + n % 50},{'Ulm' if n % 3 else 'Bonn'}\n" for n in range(300))
SUITE = """\
expectations:
  - {type: expect_column_values_to_be_between, kwargs: {column: age, min_value: 0, max_value: 60}}
  - type: expect_column_values_to_be_in_set
    kwargs: {column: city, value_set: [Ulm]}
    severity: warning
"""
GOOD = SUITE.replace("60", "99")


@pytest.fixture
def data(pool: Pool, tmp_path: Path) -> DataWorld:
    return DataWorld(pool, tmp_path)


@pytest.fixture
def people(data: DataWorld) -> str:
    return str(data.register(data.file("people.csv", ROWS)).version)


def outcomes(data: DataWorld, version: str) -> dict[str, bool]:
    look = data.inspection.look(data.get(version))
    return {result.expectation: result.has_passed for result in look.results}


def test_a_suite_is_looked_at_and_what_was_found_is_kept(data: DataWorld, people: str) -> None:
    data.expect("people", SUITE)

    found = outcomes(data, people)

    assert found == {
        "content_is_as_registered": True,
        "expect_column_values_to_be_between(age)": False,
        "expect_column_values_to_be_in_set(city)": False,
    }
    kept = data.catalog.newest_look(data.get(people).pinned())
    assert kept is not None
    assert [(r.expectation, r.is_blocking) for r in kept.results] == [
        ("content_is_as_registered", True),
        ("expect_column_values_to_be_between(age)", True),
        ("expect_column_values_to_be_in_set(city)", False),
    ]
    between = kept.results[1].details
    assert (between["element_count"], between["unexpected_count"]) == (300, 54)
    assert "Bonn" not in str(kept.results[2].details)  # whose data it is stays with the data
    assert data.get(people).row.has_passed is False


def test_what_is_not_as_registered_is_not_looked_at_further(data: DataWorld, people: str) -> None:
    data.expect("people", GOOD)
    place = Path(data.get(people).row.location)
    place.write_text(ROWS.replace("Ulm", "Kon"))  # as many bytes as before

    look = data.inspection.look(data.get(people))

    (content,) = look.results
    assert (content.has_passed, content.is_blocking) == (False, True)
    assert "people.csv is not what was registered" in str(content.details)


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("expectations: [{type: expect_dragons}]", "expect_dragons"),
        ("expectations: [{type: expect_column_values_to_not_be_null}]", "column"),
        ("expectations: [{type: expect_column_values_to_be_between, kwargs: {column: 3}}]",
         "between"),
    ],
)  # fmt: skip
def test_a_suite_that_cannot_be_looked_at_is_named(
    data: DataWorld, people: str, suite: str, said: str
) -> None:
    data.expect("people", suite)

    with pytest.raises(InvalidDataset, match=said):
        data.inspection.look(data.get(people))


def test_a_column_that_is_not_there_is_a_failure_with_its_reason(
    data: DataWorld, people: str
) -> None:
    data.expect(
        "people",
        "expectations: [{type: expect_column_values_to_not_be_null, kwargs: {column: size}}]",
    )

    look = data.inspection.look(data.get(people))

    assert "size" in look.results[1].details["error"]
    assert look.blocking == (look.results[1],)


def test_what_is_observed_without_an_end_is_written_down_as_nothing(data: DataWorld) -> None:
    data.register(data.file("x.csv", "x\n1.5\ninf\n"), name="endless")
    data.expect(
        "endless",
        "expectations: [{type: expect_column_max_to_be_between, kwargs: {column: x, max_value: 9}}]",
    )

    look = data.inspection.look(data.get("endless"))

    kept = data.catalog.newest_look(data.get("endless").pinned())
    assert kept is not None
    assert look.results[1].has_passed is kept.results[1].has_passed is False
    assert kept.results[1].details["observed_value"] is None


def test_what_is_expected_twice_has_two_results(data: DataWorld, people: str) -> None:
    rule = "type: expect_column_values_to_be_in_set, kwargs: {column: city, value_set: [Ulm]}"
    data.expect(
        "people",
        "expectations:\n"
        f"  - {{{rule}, severity: warning}}\n"
        "  - {type: expect_column_to_exist, kwargs: {column: age}}\n"
        f"  - {{{rule}}}\n"
        "  - {type: expect_column_to_exist, kwargs: {column: age}}\n",
    )

    look = data.inspection.look(data.get(people))

    assert [(r.has_passed, r.is_blocking) for r in look.results[1:]] == [
        (False, False), (True, True), (False, True), (True, True),
    ]  # fmt: skip


def test_a_proposed_suite_is_met_by_the_data_it_was_proposed_from(data: DataWorld) -> None:
    rows = "".join(f"{n},{n * 0.5},{'ab'[n % 2]},{'' if n % 5 else n},x{n}\n" for n in range(200))
    data.register(data.file("m.csv", f"id,size,kind,gap,name\n{rows}"), name="mixed")

    data.expect("mixed", propose_suite(data.get("mixed")))

    found = outcomes(data, "mixed")
    assert all(found.values()), found
    assert len(found) > 8
    data.register(data.file("n.csv", "id,size,kind\n1,2.0,c\n"), name="mixed")
    assert not all(outcomes(data, "mixed@2").values())


def test_of_tables_with_other_columns_only_what_is_so_of_all_is_proposed(data: DataWorld) -> None:
    """A column that is not in every table, and one that is words in one and numbers in another."""
    data.file("in/a.csv", "id,age,code\n" + "".join(f"{n},{n % 7},{n % 3}\n" for n in range(200)))
    data.file("in/b.csv", "id,city,code\n" + "".join(f"{n},Ulm,x\n" for n in range(200, 230)))
    data.register(data.folder / "in", name="mixed")

    text = propose_suite(data.get("mixed"))

    data.expect("mixed", text)
    found = outcomes(data, "mixed")
    assert all(found.values()), found
    suite = data.suites.find("mixed", tenant_id=TENANT)
    assert suite is not None
    about = {str(one): one for one in suite.expectations}
    blocking = [str(one) for one in suite.expectations if one.is_blocking]
    assert blocking == [
        "expect_table_columns_to_match_set",
        "expect_column_values_to_not_be_null(id)",
        "expect_column_values_to_not_be_null(code)",
    ]
    assert about["expect_column_values_to_not_be_null(age)"].kwargs["mostly"] == 0.73
    assert "expect_column_values_to_be_in_set(code)" not in about
    assert about["expect_table_row_count_to_be_between"].kwargs["max_value"] == 460


def test_arrays_of_one_length_are_columns(data: DataWorld) -> None:
    np.savez(data.folder / "d.npz", x=np.zeros((30, 8, 8)), y=np.arange(30) % 3)
    data.register(data.folder / "d.npz", name="digits")
    data.expect(
        "digits",
        "expectations: [{type: expect_column_values_to_be_between,"
        " kwargs: {column: y, min_value: 0, max_value: 2}}]",
    )

    assert all(outcomes(data, "digits").values())


def test_a_version_without_a_table_meets_nothing(data: DataWorld) -> None:
    data.register(data.file("d.bin", "bytes"), name="blob")
    data.expect("blob", "expectations: [{type: expect_column_to_exist, kwargs: {column: y}}]")

    look = data.inspection.look(data.get("blob"))

    assert "no table" in look.results[1].details["error"]


# Of more rows than great-expectations is given at once

OF_ALL_ROWS = """\
expectations:
  - {type: expect_column_values_to_not_be_null, kwargs: {column: city}}
  - {type: expect_column_values_to_not_be_null, kwargs: {column: city, mostly: 0.9}}
  - {type: expect_column_values_to_be_in_set, kwargs: {column: city, value_set: [Ulm, Bonn]}}
  - {type: expect_column_values_to_be_in_set, kwargs: {column: city, value_set: [Ulm], mostly: 0.6}}
  - {type: expect_column_values_to_be_in_set, kwargs: {column: city, value_set: [Ulm], mostly: 0.7}}
  - {type: expect_column_values_to_match_regex, kwargs: {column: city, regex: "^[A-Z]"}}
  - {type: expect_column_values_to_be_between, kwargs: {column: age, min_value: 21}}
  - {type: expect_column_values_to_be_between, kwargs: {column: size, max_value: 5}}
  - type: expect_column_pair_values_a_to_be_greater_than_b
    kwargs: {column_A: age, column_B: size, ignore_row_if: either_value_is_missing}
  - {type: expect_column_to_exist, kwargs: {column: size}}
  - {type: expect_table_columns_to_match_set, kwargs: {column_set: [age, city, size]}}
  - {type: expect_table_row_count_to_equal, kwargs: {value: 300}}
  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 301}}
  - {type: expect_column_min_to_be_between, kwargs: {column: age, min_value: 20, strict_min: true}}
  - {type: expect_column_max_to_be_between, kwargs: {column: age, min_value: 69, max_value: 69}}
  - {type: expect_column_mean_to_be_between, kwargs: {column: age, min_value: 44, max_value: 45}}
  - {type: expect_column_stdev_to_be_between, kwargs: {column: age, min_value: 14.45, max_value: 14.46}}
"""


@pytest.fixture
def mixed(data: DataWorld) -> DatasetVersion:
    """Two tables, one without a column of the other."""
    rows = [f"{20 + n % 50},{('Ulm', 'Bonn', 'Ulm', '')[n % 4]}" for n in range(300)]
    data.file(
        "in/a.csv", "age,city,size\n" + "".join(f"{row},{i}\n" for i, row in enumerate(rows[:9]))
    )
    data.file("in/b.csv", "age,city\n" + "".join(f"{row}\n" for row in rows[9:]))
    data.register(data.folder / "in", name="mixed")
    return data.get("mixed")


def test_parts_decide_nothing(
    data: DataWorld, mixed: DatasetVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.expect("mixed", OF_ALL_ROWS)
    whole = data.inspection.look(mixed)
    monkeypatch.setattr(frames, "_MOST_ROWS", 70)
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 40)

    cut = data.inspection.look(mixed)

    assert [r.has_passed for r in cut.results] == [r.has_passed for r in whole.results]
    assert {r.has_passed for r in whole.results} == {True, False}
    assert not [r for r in [*cut.results, *whole.results] if "error" in r.details]
    for was, now in zip(whole.results, cut.results, strict=True):
        assert dict(now.details) == pytest.approx(dict(was.details)), now.expectation
        assert "judged" not in now.details


@pytest.mark.parametrize("at", [0, 77, 150, 223, 299])
def test_one_bad_value_among_many_is_found(
    data: DataWorld, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "_MOST_ROWS", 10)
    rows = ["5"] * 300
    rows[at] = "-1"
    data.register(data.file("n.csv", "n\n" + "\n".join(rows) + "\n"), name="many")
    data.expect(
        "many",
        "expectations:\n"
        "  - {type: expect_column_values_to_be_between, kwargs: {column: n, min_value: 0}}\n"
        "  - {type: expect_column_min_to_be_between, kwargs: {column: n, min_value: 0}}\n",
    )

    with pytest.raises(DatasetRefused, match=r"between\(n\), expect_column_min"):
        pinned(data, "many")


def test_arrays_of_many_rows_are_looked_at_whole(
    data: DataWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "_MOST_ROWS", 10)
    np.savez(data.folder / "d.npz", y=np.where(np.arange(95) == 94, 7, 1))
    data.register(data.folder / "d.npz", name="digits")
    data.expect(
        "digits",
        "expectations: [{type: expect_column_values_to_be_in_set,"
        " kwargs: {column: y, value_set: [1]}}]",
    )

    result = data.inspection.look(data.get("digits")).results[1]

    assert (result.details["element_count"], result.details["unexpected_count"]) == (95, 1)


@pytest.mark.parametrize(("severity", "has_passed"), [("critical", False), ("warning", True)])
def test_what_a_sample_cannot_tell_is_not_taken_for_met_where_it_blocks(
    data: DataWorld, people: str, monkeypatch: pytest.MonkeyPatch, severity: str, has_passed: bool
) -> None:
    monkeypatch.setattr(frames, "_MOST_ROWS", 100)
    data.expect(
        "people",
        "expectations: [{type: expect_column_median_to_be_between,"
        f" kwargs: {{column: age, min_value: 0, max_value: 99}}, severity: {severity}}}]",
    )

    result = data.inspection.look(data.get(people)).results[1]

    assert result.has_passed is has_passed
    assert result.details["judged"] == "on a sample of 100 of 300 rows"
    if not has_passed:
        with pytest.raises(DatasetRefused, match="judged on a sample of 100 of 300 rows"):
            pinned(data, "people")


def test_figures_that_leave_out_infinities_are_not_taken_for_those_of_all(
    data: DataWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "_MOST_ROWS", 10)
    rows = "".join("inf\n" if n == 40 else "1.5\n" for n in range(99))
    data.register(data.file("x.csv", f"x\n{rows}"), name="endless")
    data.expect(
        "endless",
        "expectations: [{type: expect_column_max_to_be_between, kwargs: {column: x, max_value: 9}}]",
    )

    assert data.inspection.look(data.get("endless")).blocking


# What a sweep may start on


def pinned(data: DataWorld, *names: str) -> list[str]:
    return [str(version) for version in data.gate.pin(names, tenant_id=TENANT)]


def test_what_nothing_is_expected_of_is_admitted(data: DataWorld, people: str) -> None:
    assert pinned(data, "people") == [people]


def test_small_data_is_looked_at_when_a_sweep_wants_it(data: DataWorld, people: str) -> None:
    data.expect("people", GOOD)

    assert pinned(data, "people") == [people]
    assert data.catalog.newest_look(data.get(people).pinned()) is not None


def test_what_fails_is_refused_until_it_is_looked_at_anew(data: DataWorld, people: str) -> None:
    data.expect("people", SUITE)

    with pytest.raises(DatasetRefused, match="expect_column_values_to_be_between"):
        pinned(data, "people")

    (data.folder / "expectations" / "people.yaml").write_text(GOOD)
    assert pinned(data, "people") == [people]


def test_where_nobody_can_look_the_command_is_named(data: DataWorld, people: str) -> None:
    data.expect("people", GOOD)
    gate = DataGate(data.catalog, data.suites)

    with pytest.raises(DatasetRefused, match="sweepworks data check people@1"):
        gate.pin(["people"], tenant_id=TENANT)
    data.inspection.look(data.get(people))
    assert gate.pin(["people"], tenant_id=TENANT)


def test_only_what_blocks_keeps_a_sweep_from_starting(data: DataWorld, people: str) -> None:
    data.expect("people", GOOD)
    assert outcomes(data, people)["expect_column_values_to_be_in_set(city)"] is False

    assert pinned(data, "people") == [people]


@pytest.mark.parametrize("how", ["removed", "longer", "other", "more"])
def test_data_that_is_not_what_was_registered_is_refused(data: DataWorld, how: str) -> None:
    file = data.file("in/people.csv", ROWS)
    data.register(file.parent)
    match how:
        case "removed":
            file.unlink()
        case "longer":
            file.write_text(ROWS + "1,Ulm\n")
        case "other":
            file.write_text(ROWS.replace("Ulm", "Kon"))
        case _:
            data.file("in/more-people.csv", ROWS)

    with pytest.raises(DatasetRefused, match=r"people\.csv|has no files"):
        pinned(data, "people")
