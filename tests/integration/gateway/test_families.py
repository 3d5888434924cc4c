"""What is measured beside a script, and what the script logs by the same name: never mixed up."""

import pytest

from tests.integration.gateway.conftest import NOW_US, TOKEN, Platform, a_flush, bearer, wait_for


@pytest.fixture(params=["live", "sealed"])
def run(platform: Platform, request: pytest.FixtureRequest) -> str:
    """A run that logged `cpu` 1, of which `cpu` 50 was measured, and whose `gpu` was measured alone."""
    run, _ = platform.scratch()
    flush = a_flush(
        run,
        points={"cpu": [(0, NOW_US, 1.0), (0, NOW_US, 50.0), (0, NOW_US, 70.0)]},
        series={"cpu": 1},
        system={"cpu": 1, "gpu": 1},
    )
    assert platform.flush(flush).status_code == 200
    if request.param == "sealed":
        platform.seal(run)
    platform.rows("UPDATE run_summaries SET refreshed_at = 'epoch' WHERE NOT is_final")
    wait_for(lambda: platform.rows("SELECT count(*) FROM series_summaries") == [(3,)])
    return run


def test_each_family_is_read_by_its_name(platform: Platform, run: str) -> None:
    listed = platform.get(f"/api/v1/runs/{run}/series").json()["series"]
    logged = platform.get(f"/api/v1/runs/{run}/series/cpu").json()
    measured = platform.get(f"/api/v1/runs/{run}/series/cpu?family=system").json()

    assert listed == [
        {"key": "cpu", "family": "system"},
        {"key": "cpu", "family": "user"},
        {"key": "gpu", "family": "system"},
    ]
    assert (logged["family"], logged["points"][0][2]) == ("user", 1.0)
    assert (measured["family"], measured["points"][0][2]) == ("system", 50.0)
    assert platform.get(f"/api/v1/runs/{run}/series/cpu?family=x").status_code == 422


def test_a_plot_shows_one_family(platform: Platform, run: str) -> None:
    tags: set[str | None] = set()
    for family, expected in (("user", {"cpu": [1.0]}), ("system", {"cpu": [50.0], "gpu": [70.0]})):
        answer = platform.client.post(
            "/api/v1/query/series",
            json={"runs": [run], "keys": ["cpu", "gpu"], "family": family},
            headers=bearer(TOKEN),
        )
        alone = platform.get(f"/api/v1/runs/{run}/series/cpu?family={family}&pixels=9").json()

        assert {c["key"]: c["value"] for c in answer.json()["series"]} == expected
        assert [c["value"] for c in alone["series"]] == [expected["cpu"]]
        tags.add(answer.headers.get("etag"))

    assert tags == {None} or len(tags) == 2  # two answers must not be taken for one


def test_summaries_filters_and_sorting_are_about_what_was_logged(
    platform: Platform, run: str
) -> None:
    summary = platform.run(run)["summary"]
    low = platform.get("/api/v1/runs?where=cpu%20%3C%209&sort=cpu").json()["runs"]
    high = platform.get("/api/v1/runs?where=cpu%20%3E%209%20or%20gpu%20%3E%209").json()["runs"]

    assert {key: row["last"] for key, row in summary.items()} == {"cpu": 1.0}
    assert [found["run_id"] for found in low] == [run]
    assert high == []
