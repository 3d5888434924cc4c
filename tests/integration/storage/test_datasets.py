"""Versions of datasets: written once, numbered in order, pinned by sweeps, used by runs."""

import contextlib
import shutil
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storage.database import Pool
from storage.datasets import catalog
from storage.datasets.table_snapshots import snapshot
from sweeps.data_profiles import ColumnKind
from sweeps.datasets import (
    DatasetNotFound,
    DatasetReference,
    DatasetVariant,
    InvalidDataset,
    PreprocessingStep,
)
from sweeps.errors import RunNotFound, StateConflict
from sweeps.ids import RunId, TenantId
from sweeps.specs import TrialSpec
from sweeps.trials import Changes
from tests.factories import SWEEP, a_spec, a_suggestion, a_trial, at
from tests.integration.storage.conftest import PostgresWorld
from tests.integration.storage.data_world import TENANT, DataWorld
from tests.plugins.postgres import Database

VISION = TenantId("vision")


@pytest.fixture
def data(pool: Pool, tmp_path: Path) -> DataWorld:
    return DataWorld(pool, tmp_path)


def test_a_version_comes_back_as_it_was_registered(data: DataWorld) -> None:
    file = data.file("people/a.csv", "age,city\n30,Ulm\n41,\n")
    step = PreprocessingStep(name="clean", options={"by": 3}, code={"commit": "abc"})

    made = data.register(file.parent, preprocessing=(step,), column_lineage={"age": ("raw@1:a",)})

    version = data.get("people@1")
    assert (str(made.version), made.is_new) == ("people@1", True)
    assert (version.row.row_count, version.row.file_count, version.row.size_bytes) == (2, 1, 20)
    assert version.row.location == str(file.parent)
    assert [(f.path, f.size_bytes) for f in version.files] == [("a.csv", 20)]
    assert [(c.name, c.kind) for c in version.profile.columns] == [
        ("age", ColumnKind.INTEGER),
        ("city", ColumnKind.TEXT),
    ]
    assert version.preprocessing == (step.as_document(),)
    assert version.column_lineage == {"age": ("raw@1:a",)}
    assert version.row.has_passed is None


def test_the_same_content_again_is_the_same_version(data: DataWorld, tmp_path: Path) -> None:
    folder = data.file("one/a.csv", "x\n1\n").parent
    data.register(folder)
    shutil.copytree(folder, tmp_path / "two")

    again = data.register(folder)
    moved = data.register(tmp_path / "two")

    assert (str(again.version), again.is_new, again.is_moved) == ("people@1", False, False)
    assert (str(moved.version), moved.is_new, moved.is_moved) == ("people@1", False, True)
    assert data.get("people").row.location == str(tmp_path / "two")
    assert len(data.catalog.versions(tenant_id=TENANT)) == 1


def test_other_content_is_the_next_version_and_the_newest(data: DataWorld) -> None:
    data.register(data.file("a.csv", "x\n1\n"))
    data.register(data.file("b.csv", "x\n2\n"))

    assert data.get("people").row.number == data.get("people@latest").row.number == 2
    assert [row.number for row in data.catalog.versions(tenant_id=TENANT, name="people")] == [2, 1]
    assert [r.version for r in data.catalog.versions(tenant_id=TENANT, latest=True)] == ["people@2"]
    before = data.catalog.before(data.get("people@2"))
    assert before is not None
    assert before.row.number == 1
    assert data.catalog.before(before) is None


def test_a_version_never_changes(data: DataWorld) -> None:
    data.register(data.file("a.csv", "x\n1\n"))

    for statement in (
        "UPDATE dataset_versions SET row_count = 5 RETURNING 1",
        "DELETE FROM dataset_versions RETURNING 1",
        "UPDATE dataset_locations SET location = '/x' RETURNING 1",
    ):
        with pytest.raises(StateConflict):
            data.rows(statement)


def test_many_who_register_at_once_get_a_number_each(data: DataWorld) -> None:
    files = [data.file(f"{n}.csv", f"x\n{n}\n") for n in range(8)]
    threads = [threading.Thread(target=data.register, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = data.catalog.versions(tenant_id=TENANT)
    assert sorted(row.number for row in rows) == list(range(1, 9))


def test_many_who_register_the_same_at_once_make_one_version(data: DataWorld) -> None:
    file = data.file("a.csv", "x\n1\n")
    threads = [threading.Thread(target=data.register, args=(file,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [row.number for row in data.catalog.versions(tenant_id=TENANT)] == [1]
    assert data.rows("SELECT count(*) FROM dataset_locations") == [(1,)]


def test_what_a_version_was_made_from_is_lineage(data: DataWorld) -> None:
    data.register(data.file("a.csv", "x\n1\n"), name="raw")
    parent = DatasetReference.parse("raw")

    data.register(data.file("b.csv", "x\n2\n"), parents=(parent,), variant=DatasetVariant.DERIVED)

    assert data.get("people").parents == ("raw@1",)
    assert data.rows("SELECT upstream, downstream FROM lineage_edges") == [
        ("dataset:raw@1", "dataset:people@1")
    ]


def test_a_parent_that_is_said_later_is_lineage_too_and_nothing_is_taken_back(
    data: DataWorld,
) -> None:
    for name, text in (("raw", "x\n1\n"), ("more", "x\n3\n")):
        data.register(data.file(f"{name}.csv", text), name=name)
    file = data.file("b.csv", "x\n2\n")
    raw, more = DatasetReference.parse("raw"), DatasetReference.parse("more@1")
    data.register(file)

    answers = [
        data.register(file, parents=parents) for parents in ((raw,), (more, more), (), (raw,))
    ]

    assert [answer.added_parents for answer in answers] == [("raw@1",), ("more@1",), (), ()]
    assert not any(answer.is_new for answer in answers)
    assert data.get("people").parents == ("more@1", "raw@1")
    assert data.get("people").row.variant == DatasetVariant.ORIGINAL
    assert data.rows("SELECT upstream, downstream FROM lineage_edges ORDER BY upstream") == [
        ("dataset:more@1", "dataset:people@1"),
        ("dataset:raw@1", "dataset:people@1"),
    ]


@pytest.mark.parametrize("parent", ["raw", "middle", "people"])
def test_nothing_is_made_from_itself(data: DataWorld, parent: str) -> None:
    files = {name: data.file(f"{name}.csv", f"{name}\n1\n") for name in ("raw", "middle", "people")}
    raw, middle = DatasetReference.parse("raw"), DatasetReference.parse("middle")
    data.register(files["raw"], name="raw")
    data.register(files["middle"], name="middle", parents=(raw,))
    data.register(files["people"], parents=(middle,))
    before = data.rows("SELECT * FROM dataset_version_parents ORDER BY 1")

    with pytest.raises(InvalidDataset, match="this content is raw@1, and that cannot have been"):
        data.register(files["raw"], name="raw", parents=(DatasetReference.parse(parent),))

    assert data.rows("SELECT * FROM dataset_version_parents ORDER BY 1") == before


def test_two_that_say_each_the_other_s_version_make_no_circle(
    data: DataWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_looked = threading.Barrier(2)
    check = catalog._check_no_circle  # pyright: ignore[reportPrivateUsage]

    def wait_for_the_other(*args: Any, **names: Any) -> None:
        check(*args, **names)
        with contextlib.suppress(threading.BrokenBarrierError):  # one is kept from looking
            both_have_looked.wait(timeout=0.5)

    monkeypatch.setattr(catalog, "_check_no_circle", wait_for_the_other)
    files = {name: data.file(f"{name}.csv", f"{name}\n1\n") for name in ("left", "right")}
    for name, file in files.items():
        data.register(file, name=name)
    outcomes: list[str] = []

    def say(name: str, parent: str) -> None:
        try:
            added = data.register(
                files[name], name=name, parents=(DatasetReference.parse(parent),)
            ).added_parents
            outcomes.append(" ".join(added))
        except InvalidDataset:
            outcomes.append("refused")

    threads = [
        threading.Thread(target=say, args=pair) for pair in (("left", "right"), ("right", "left"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(data.rows("SELECT FROM dataset_version_parents")) == 1
    assert sorted(outcomes) in (["refused", "right@1"], ["left@1", "refused"])


def test_a_parent_has_to_be_there(data: DataWorld) -> None:
    parent = DatasetReference(name="raw", number=3)

    with pytest.raises(DatasetNotFound):
        data.register(data.file("b.csv", "x\n2\n"), parents=(parent,))
    assert data.catalog.versions(tenant_id=TENANT) == []


def test_another_tenant_s_datasets_are_none(data: DataWorld) -> None:
    data.register(data.file("a.csv", "x\n1\n"), tenant=VISION)

    assert data.get("people", tenant=VISION).row.tenant_id == VISION
    assert data.catalog.versions(tenant_id=TENANT) == []
    for call in (
        lambda: data.get("people"),
        lambda: data.catalog.pin(DatasetReference.parse("people"), tenant_id=TENANT),
        lambda: data.gate.pin(["people"], tenant_id=TENANT),
    ):
        with pytest.raises(DatasetNotFound):
            call()


def test_an_unknown_version_names_those_there_are(data: DataWorld) -> None:
    data.register(data.file("a.csv", "x\n1\n"))

    with pytest.raises(DatasetNotFound) as caught:
        data.get("people@7")

    assert caught.value.known == ("people@1",)


# Sweeps and runs


def submitted(world: PostgresWorld, data: DataWorld, *names: str) -> int:
    """A sweep that names datasets, claimed; its lease."""
    spec = a_spec(trial=TrialSpec(command=("python", "train.py"), data=names))
    pinned = data.gate.pin(names, tenant_id=TENANT)
    world.catalog.submit(SWEEP, spec, source_dir="/t", created_by="me", datasets=pinned)
    return world.store.take_over(SWEEP, controller="c")


def with_trials(world: PostgresWorld, lease: int, *numbers: int) -> list[RunId]:
    trials = tuple(a_trial(number) for number in numbers)
    suggestions = tuple(a_suggestion(number) for number in numbers)
    world.store.apply(SWEEP, lease, Changes(at=at(0), suggestions=suggestions, new_trials=trials))
    return [trial.run_id for trial in trials]


def test_a_sweep_keeps_the_version_that_was_newest_when_it_was_submitted(
    world: PostgresWorld, data: DataWorld
) -> None:
    first = data.file("a.csv", "x\n1\n")
    data.register(first)
    lease = submitted(world, data, "people")

    data.register(data.file("b.csv", "x\n2\n"))
    runs = with_trials(world, lease, 1, 2)

    (pinned,) = world.store.load(SWEEP).datasets
    assert (str(pinned), pinned.location) == ("people@1", str(first))
    assert data.rows("SELECT run_id, number FROM run_datasets ORDER BY 1") == [
        (run, 1) for run in runs
    ]
    assert data.rows("SELECT downstream FROM lineage_edges WHERE upstream = 'dataset:people@1'"
                     " ORDER BY 1") == [(f"run:{run}",) for run in runs]  # fmt: skip


def test_a_sweep_submitted_twice_keeps_its_first_versions(
    world: PostgresWorld, data: DataWorld
) -> None:
    data.register(data.file("a.csv", "x\n1\n"))
    submitted(world, data, "people")
    data.register(data.file("b.csv", "x\n2\n"))

    submitted(world, data, "people")

    assert [str(dataset) for dataset in world.store.load(SWEEP).datasets] == ["people@1"]


def test_a_sweep_cannot_be_submitted_with_other_data_than_it_names(
    world: PostgresWorld, data: DataWorld
) -> None:
    spec = a_spec(trial=TrialSpec(command=("python", "train.py"), data=("people",)))

    with pytest.raises(ValueError, match="people"):
        world.catalog.submit(SWEEP, spec, source_dir="/t", created_by="me")


def test_a_run_notes_what_it_uses_once(world: PostgresWorld, data: DataWorld) -> None:
    data.register(data.file("a.csv", "x\n1\n"))
    data.register(data.file("b.csv", "x\n2\n"), name="other")
    (run,) = with_trials(world, submitted(world, data, "people"), 1)
    data.register(data.file("c.csv", "x\n3\n"))

    def use(reference: str) -> str:
        return str(data.catalog.use(run, DatasetReference.parse(reference), tenant_id=TENANT))

    # What it uses already is meant, not what is newest by now.
    assert [use("people"), use("people@2"), use("other"), use("other")] == [
        "people@1", "people@2", "other@1", "other@1",
    ]  # fmt: skip
    used = data.catalog.of_run(run, tenant_id=TENANT)
    assert [str(dataset) for dataset in used] == ["other@1", "people@1", "people@2"]


def test_an_unknown_or_sealed_run_uses_nothing(world: PostgresWorld, data: DataWorld) -> None:
    data.register(data.file("a.csv", "x\n1\n"))
    (run,) = with_trials(world, submitted(world, data), 1)
    reference = DatasetReference.parse("people")

    with pytest.raises(RunNotFound):
        data.catalog.use(RunId("scratch-aaaaaaaaaaaa"), reference, tenant_id=TENANT)
    with pytest.raises(RunNotFound):
        data.catalog.use(run, reference, tenant_id=VISION)
    data.rows("UPDATE runs SET state = 'completed', ended_at = now() RETURNING 1")
    data.rows("UPDATE runs SET sealed_at = now() RETURNING 1")
    with pytest.raises(StateConflict):
        data.catalog.use(run, reference, tenant_id=TENANT)


# Names and places that are no data


@pytest.mark.parametrize("name", ["..", "a/b", "A"])
def test_a_suite_is_never_outside_its_folder(data: DataWorld, name: str) -> None:
    with pytest.raises(InvalidDataset):
        data.suites.find(name, tenant_id=TENANT)
    with pytest.raises(InvalidDataset):
        data.suites.find("people", tenant_id=TenantId(name))


def test_a_snapshot_has_the_rows_of_one_query(data: DataWorld, database: Database) -> None:
    url = database.url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.people (age int, city text)")
        connection.execute("INSERT INTO public.people VALUES (30, 'Ulm'), (41, NULL)")
    path = data.folder / "people.csv"

    n_rows = snapshot(url, "SELECT * FROM public.people ORDER BY age;", path=path)

    assert (n_rows, path.read_text()) == (2, "age,city\n30,Ulm\n41,\n")
    with pytest.raises(InvalidDataset, match="is there already"):
        snapshot(url, "SELECT 1", path=path)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM sweepworks.tenants RETURNING 1",
        "SELECT nothing",
        "no sql",
        "SELECT 1; SELECT 2",
    ],
)
def test_a_query_that_is_none_leaves_no_file(
    data: DataWorld, database: Database, query: str
) -> None:
    with pytest.raises(InvalidDataset, match="refused"):
        snapshot(database.url, query, path=data.folder / "x.csv")

    assert list(data.folder.iterdir()) == []
