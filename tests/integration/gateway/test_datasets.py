"""Datasets over HTTP: pinned by sweeps, used by scripts, looked at."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sweepworks

from sweeps.datasets import DatasetReference
from sweeps.ids import TenantId
from sweeps.specs import as_document
from tests.factories import a_spec
from tests.integration.gateway.conftest import TOKEN, Platform, bearer, listening, run_token
from tests.integration.storage.data_world import DataWorld
from tests.plugins.postgres import Database

SUITE = (
    "expectations: [{type: expect_column_values_to_be_between,"
    " kwargs: {column: x, min_value: 0, max_value: 9}}]"
)


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Generator[Platform, None, None]:
    with listening(database, tmp_path, expectations=tmp_path / "expectations") as platform:
        yield platform


@pytest.fixture
def data(platform: Platform, tmp_path: Path) -> DataWorld:
    made = DataWorld(platform.pool, tmp_path)
    made.register(made.file("a.csv", "x\n1\n2\n"))
    return made


def submit(platform: Platform, *names: str) -> httpx.Response:
    spec: dict[str, Any] = {k: v for k, v in as_document(a_spec()).items() if k != "tenant"}
    spec["trial"] = {"command": ["python", "train.py"], "data": list(names)}
    body = {"spec": spec, "source_dir": "/there"}
    return platform.client.post("/api/v1/sweeps", json=body, headers=bearer(TOKEN))


def test_a_sweep_s_datasets_are_pinned_when_it_is_submitted(
    platform: Platform, data: DataWorld
) -> None:
    answer = submit(platform, "people")

    assert answer.status_code == 201, answer.text
    assert answer.json()["datasets"] == ["people@1"]
    assert platform.rows("SELECT number FROM sweep_datasets") == [(1,)]
    shown = platform.get(f"/api/v1/sweeps/{answer.json()['sweep']}").json()
    assert shown["spec"]["trial"]["data"] == ["people"]


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("name", "status", "said"),
    [("nobody", 404, "nobody"), ("people@2", 404, "people@1"), ("People", 422, "People")],
)
def test_a_sweep_on_what_there_is_not_is_refused(
    platform: Platform, name: str, status: int, said: str
) -> None:
    answer = submit(platform, name)

    assert (answer.status_code, said in answer.json()["error"]) == (status, True)
    assert platform.rows("SELECT 1 FROM sweeps") == []


def test_a_gateway_looks_at_no_data_and_names_the_command(
    platform: Platform, data: DataWorld
) -> None:
    data.expect("people", SUITE)

    unchecked = submit(platform, "people")
    data.inspection.look(data.get("people"))
    checked = submit(platform, "people")

    assert unchecked.status_code == 409
    assert "sweepworks data check people@1" in unchecked.json()["error"]
    assert checked.status_code == 201


def test_a_sweep_on_data_that_has_failed_is_refused(platform: Platform, data: DataWorld) -> None:
    data.expect("people", SUITE.replace("9", "1"))
    data.inspection.look(data.get("people"))

    answer = submit(platform, "people")

    assert answer.status_code == 409
    assert "expect_column_values_to_be_between(x)" in answer.json()["error"]


def use(platform: Platform, run: str, token: str, reference: str) -> httpx.Response:
    body = {"dataset": reference}
    path = f"/api/v1/runs/{run}/datasets"
    return platform.client.post(path, json=body, headers=bearer(token))


def test_a_script_s_use_is_on_record(platform: Platform, data: DataWorld, tmp_path: Path) -> None:
    run, token = platform.scratch()

    first, again = (use(platform, run, token, "people") for _ in range(2))

    assert first.json() == {
        "dataset": "people@1",
        "location": str(tmp_path / "a.csv"),
        "is_stored": False,
    }
    assert again.json() == first.json()
    edges = platform.rows("SELECT upstream, downstream FROM lineage_edges")
    assert edges == [("dataset:people@1", f"run:{run}")]
    assert platform.rows("SELECT run_id, number FROM opened_datasets") == [(run, 1)]


def test_that_a_script_asks_is_told_from_what_was_noted_for_its_run(
    platform: Platform, data: DataWorld
) -> None:
    run, token = platform.scratch()
    pinned = data.get("people@1").pinned()
    platform.rows(
        "INSERT INTO run_datasets (run_id, dataset_id, number) VALUES"
        f" ('{run}', {pinned.dataset_id}, 1) RETURNING true"
    )
    before = platform.rows("SELECT count(*) FROM opened_datasets")

    use(platform, run, token, "people@1")

    assert before == [(0,)]
    assert platform.rows("SELECT run_id, number FROM opened_datasets") == [(run, 1)]


@pytest.mark.usefixtures("data")
def test_a_script_uses_what_its_tenant_has_and_for_its_own_run(platform: Platform) -> None:
    run, token = platform.scratch()
    theirs = run_token(run, tenant="vision")

    assert use(platform, run, token, "nobody").status_code == 404
    assert use(platform, run, token, "No Name").status_code == 422
    assert use(platform, run, theirs, "people").status_code == 404
    assert use(platform, run, run_token("scratch-aaaaaaaaaaaa"), "people").status_code == 403
    platform.seal(run)
    assert use(platform, run, token, "people").status_code == 409


def test_versions_are_listed_and_looked_at(platform: Platform, data: DataWorld) -> None:
    data.register(data.file("b.csv", "x\n3\n"))

    newest = platform.get("/api/v1/datasets").json()["datasets"]
    every = platform.get("/api/v1/datasets?name=people").json()["datasets"]
    one = platform.get("/api/v1/datasets/people@1").json()

    assert [row["number"] for row in newest] == [2]
    assert [row["number"] for row in every] == [2, 1]
    assert one["dataset"]["row_count"] == 2
    assert one["statistics"]["columns"][0]["max"] == 2.0
    theirs = platform.token_of("vision")
    assert platform.get("/api/v1/datasets", token=theirs).json()["datasets"] == []
    assert platform.get("/api/v1/datasets/people", token=theirs).status_code == 404


def test_a_whole_script_records_what_it_used(
    platform: Platform, data: DataWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SWEEPWORKS_GATEWAY_URL", platform.url)
    monkeypatch.setenv("SWEEPWORKS_TOKEN", TOKEN)
    monkeypatch.setenv("SWEEPWORKS_SPOOL_DIR", str(tmp_path / "spool"))
    with sweepworks.init() as run:
        place = run.use_dataset("people")

    assert place.read_text() == "x\n1\n2\n"
    pinned = data.catalog.pin(DatasetReference.parse("people"), tenant_id=TenantId("default"))
    assert platform.rows("SELECT dataset_id, number FROM run_datasets") == [(pinned.dataset_id, 1)]
