"""What people and programs ask: pages, tenants apart, uniform errors, sweeps."""

import json
from pathlib import Path
from typing import Any

import httpx

from sweeps.specs import as_document
from tests.factories import SWEEP, a_spec
from tests.integration.gateway.conftest import (
    TOKEN,
    Platform,
    a_flush,
    bearer,
    listening,
    some_points,
)
from tests.plugins.postgres import Database


def test_runs_come_in_pages_newest_first(platform: Platform) -> None:
    runs = [platform.scratch()[0] for _ in range(5)]
    platform.trials(3)

    pages: list[list[str]] = []
    after = ""
    while True:
        document = platform.get(f"/api/v1/runs?limit=3{after}").json()
        pages.append([run["run_id"] for run in document["runs"]])
        if document["next"] is None:
            break
        after = f"&after={document['next']}"

    assert [len(page) for page in pages] == [3, 3, 2]
    listed = [run for page in pages for run in page]
    assert len(set(listed)) == 8
    assert listed[3:] == runs[::-1]
    of_sweep = platform.get(f"/api/v1/runs?sweep={SWEEP}&state=running").json()["runs"]
    assert sorted(run["number"] for run in of_sweep) == [1, 2, 3]


def test_a_run_shows_all_there_is(platform: Platform) -> None:
    run, _ = platform.scratch(experiment="mine", params={"lr": 0.1, "name": "x"}, script="train.py")
    platform.flush(a_flush(run, points=some_points(2)))

    record = platform.run(run)

    assert record["run"]["experiment"] == "mine"
    assert record["params"] == {"lr": 0.1, "name": "x"}
    assert record["tags"] == {"script": "train.py"}
    assert record["summary"]["loss"]["count"] == 2
    assert (record["attempts"], record["artifacts"]) == ([], [])
    assert 0 <= record["run"]["seed"] < 2**32


def test_a_series_is_cut_at_its_beginning(platform: Platform) -> None:
    run, _ = platform.scratch()
    platform.flush(a_flush(run, points=some_points(50)))

    points = platform.get(f"/api/v1/runs/{run}/series/loss?limit=3").json()["points"]

    assert [step for step, _, _ in points] == [47, 48, 49]
    assert platform.points(run, "nothing") == []


def test_tenants_do_not_see_each_other(platform: Platform) -> None:
    (trial,) = platform.trials()
    run, _ = platform.scratch()
    platform.flush(a_flush(run, points=some_points(1)))
    theirs = platform.token_of("them")

    statuses = {
        path: platform.get(path, token=theirs).status_code
        for path in (
            f"/api/v1/runs/{run}",
            f"/api/v1/runs/{trial}",
            f"/api/v1/runs/{run}/series",
            f"/api/v1/runs/{run}/series/loss",
            f"/api/v1/runs/{run}/artifacts",
            f"/api/v1/runs/{run}/artifacts/a.bin",
            f"/api/v1/sweeps/{SWEEP}",
            f"/api/v1/sweeps/{SWEEP}/trials",
        )
    }
    cancelled = platform.client.post(
        f"/api/v1/sweeps/{SWEEP}/requests", json={"request": "cancel"}, headers=bearer(theirs)
    )

    assert set(statuses.values()) == {404}, statuses
    assert cancelled.status_code == 404
    assert platform.get("/api/v1/runs", token=theirs).json()["runs"] == []
    assert platform.get(f"/api/v1/runs?after={run}", token=theirs).json()["runs"] == []
    assert platform.get(f"/api/v1/runs?sweep={SWEEP}", token=theirs).json()["runs"] == []
    assert platform.get("/api/v1/sweeps", token=theirs).json()["sweeps"] == []
    assert platform.rows("SELECT requested::text FROM sweeps") == [("run",)]


CLOSED = [
    "/api/v1/runs",
    "/api/v1/runs/scratch-x",
    "/api/v1/runs/scratch-x/series",
    "/api/v1/runs/scratch-x/series/x",
    "/api/v1/runs/scratch-x/artifacts",
    "/api/v1/runs/scratch-x/artifacts/x",
    "/api/v1/runs/scratch-x/decision?level=1",
    "/api/v1/sweeps",
    "/api/v1/sweeps/x",
    "/api/v1/sweeps/x/trials",
]


def test_nothing_is_told_without_a_token(platform: Platform) -> None:
    for path in CLOSED:
        without = platform.client.get(path)
        unknown = platform.get(path, token="swk_unknown")

        assert (without.status_code, unknown.status_code) == (401, 401), path
        assert list(without.json()) == ["error"]
        assert without.headers["www-authenticate"] == "Bearer"


WRONG: list[tuple[str, str, Any, int]] = [
    ("GET", "/api/v1/nothing", None, 404),
    ("DELETE", "/api/v1/runs", None, 405),
    ("GET", "/api/v1/runs?limit=0", None, 422),
    ("GET", "/api/v1/runs?limit=x", None, 422),
    ("GET", "/api/v1/runs?state=dead", None, 422),
    ("GET", "/api/v1/runs?after=%00", None, 404),
    ("GET", "/api/v1/runs/a%00b", None, 404),
    ("GET", "/api/v1/runs/" + "x" * 5000, None, 404),
    ("GET", "/api/v1/sweeps/a%00b", None, 404),
    ("GET", "/api/v1/sweeps?before=99999999999999999999", None, 422),
    ("POST", "/api/v1/runs", b"{", 422),
    ("POST", "/api/v1/runs", b'{"params": {"x": [1]}}', 422),
    ("POST", "/api/v1/runs", b'{"params": {"x": NaN}}', 422),
    ("POST", "/api/v1/runs", b'{"params": {"x": 1%s}}' % (b"0" * 400), 422),
    ("POST", "/api/v1/runs", b'{"params": {"x": 9223372036854775808}}', 422),
    ("POST", "/api/v1/runs", json.dumps({"params": {str(n): n for n in range(10_001)}}), 422),
    ("POST", "/api/v1/runs", json.dumps({"tags": {str(n): "x" for n in range(1_000)}}), 422),
    ("POST", "/api/v1/runs", b'{"params": {"": 1}}', 422),
    ("POST", "/api/v1/runs", b'{"params": {"x": "\\u0000"}}', 422),
    ("POST", "/api/v1/runs", b'{"experiment": "\\ud800"}', 422),
    ("POST", "/api/v1/runs", b'{"experiment": ""}', 422),
    ("POST", "/api/v1/runs", bytes(5 * 2**20), 413),
    ("POST", "/api/v1/runs", (bytes(2**20) for _ in range(5)), 413),
    ("POST", "/api/v1/sweeps", b'{"spec": {}, "source_dir": "/x"}', 422),
    ("POST", "/api/v1/sweeps/x/requests", b'{"request": "explode"}', 422),
    ("POST", "/api/v1/sweeps/x/requests", b'{"request": "pause"}', 404),
]


def test_errors_are_one_sentence(platform: Platform) -> None:
    headers = {**bearer(TOKEN), "Content-Type": "application/json"}

    for method, path, body, status in WRONG:
        answer = platform.client.request(method, path, content=body, headers=headers)
        assert (answer.status_code, list(answer.json())) == (status, ["error"]), (
            method,
            path,
            body,
        )


def test_types_of_params_survive(platform: Platform) -> None:
    params = {"a": True, "b": 1, "c": 1.0, "d": "1", "e": -0.5}

    run, _ = platform.scratch(params=params)

    stored = platform.run(run)["params"]
    assert {name: (type(value), value) for name, value in stored.items()} == {
        "a": (bool, True),
        "b": (int, 1),
        "c": (float, 1.0),
        "d": (str, "1"),
        "e": (float, -0.5),
    }


def test_a_sweep_is_submitted_listed_and_steered(platform: Platform) -> None:
    spec = {k: v for k, v in as_document(a_spec()).items() if k != "tenant"}
    body = {"spec": spec, "source_dir": "/there"}

    submitted = platform.client.post("/api/v1/sweeps", json=body, headers=bearer(TOKEN))

    assert submitted.status_code == 201, submitted.text
    sweep = submitted.json()["sweep"]
    (listed,) = platform.get("/api/v1/sweeps").json()["sweeps"]
    assert (listed["sweep_id"], listed["state"]) == (sweep, "submitted")
    steered = platform.client.post(
        f"/api/v1/sweeps/{sweep}/requests", json={"request": "cancel"}, headers=bearer(TOKEN)
    )
    assert steered.status_code == 202
    shown = platform.get(f"/api/v1/sweeps/{sweep}").json()
    assert (shown["state"], shown["spec"]["experiment"]) == ("cancelled", "digits")
    again = platform.client.post(
        f"/api/v1/sweeps/{sweep}/requests", json={"request": "pause"}, headers=bearer(TOKEN)
    )
    assert again.status_code == 409


def test_a_sweep_for_another_tenant_is_refused(platform: Platform) -> None:
    body = {"spec": as_document(a_spec(tenant="them")), "source_dir": "/there"}

    answer = platform.client.post("/api/v1/sweeps", json=body, headers=bearer(TOKEN))

    assert answer.status_code == 422


def test_the_tenant_file_counts_for_sweeps_by_http_too(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    document = {k: v for k, v in as_document(a_spec()).items() if k != "tenant"}
    limits = {k: v for k, v in document["limits"].items() if k != "trial_timeout"}
    body = {"spec": {**document, "limits": limits}, "source_dir": "/there"}
    with listening(database, tmp_path, tenants_file=file) as platform:
        theirs = platform.token_of("unknown")

        def submit(token: str) -> httpx.Response:
            return platform.client.post("/api/v1/sweeps", json=body, headers=bearer(token))

        file.write_text("tenants: [{name: default, members: [nobody-here]}]")
        refused = submit(TOKEN)
        file.write_text("tenants: [{name: default, defaults: {limits: {trial_timeout: 7m}}}]")
        taken, unknown = submit(TOKEN), submit(theirs)
        shown = platform.get(f"/api/v1/sweeps/{taken.json()['sweep']}").json()
        file.write_text("tenants: [{nom: default}]")
        broken = submit(TOKEN)

    assert (refused.status_code, unknown.status_code, broken.status_code) == (403, 422, 422)
    assert "no member" in refused.json()["error"]
    assert "unknown tenant" in unknown.json()["error"]
    assert shown["spec"]["limits"]["trial_timeout"] == 420.0


def test_trials_are_a_table(platform: Platform) -> None:
    first, _ = platform.trials(2)
    platform.rows(
        "INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at, ended_at)"
        " SELECT run_id || '-a' || n, run_id, n, 'ended', now(), now() - n * interval '1 hour',"
        " now() - n * interval '1 hour' + interval '5 s'"
        " FROM runs, generate_series(1, 2) AS n WHERE run_id = %s",
        first,
    )

    trials = platform.get(f"/api/v1/sweeps/{SWEEP}/trials").json()["trials"]

    assert [trial["number"] for trial in trials] == [1, 2]
    assert [trial["configuration"] for trial in trials] == [{"x": 0.01}, {"x": 0.02}]
    assert [trial["duration_seconds"] for trial in trials] == [10.0, None]


def test_the_description_names_every_route(platform: Platform) -> None:
    paths = platform.client.get("/api/v1/openapi.json").json()["paths"]

    assert {"/healthz", "/api/v1/runs/{run}", "/api/v1/sweeps/{sweep}/requests"} <= set(paths)
