"""Lineage over HTTP: as JSON, and as a page."""

from pathlib import Path

import pytest

from storage.artifacts.folder import ArtifactFolder
from storage.lineage.graph import LineageStore
from sweeps.ids import TenantId
from sweeps.lineage import Edge, Node
from tests.integration.gateway.browsers import a_browser
from tests.integration.gateway.conftest import TENANT, TOKEN, Platform
from tests.integration.gateway.test_pages import EVIL
from tests.integration.storage.lineage_world import CODE, LineageWorld


@pytest.fixture
def world(platform: Platform, tmp_path: Path) -> LineageWorld:
    return LineageWorld(platform.pool, ArtifactFolder(tmp_path / "artifacts"))


def a_model(world: LineageWorld) -> str:
    """`model:best@1`, from a run on digits@2, which came out of raw@1."""
    world.dataset("digits", 2, parents=(("raw", 1),))
    script = {"path": EVIL, "is_notebook": True}
    run = world.whole_run(dataset=("digits", 2), code={**CODE, "is_dirty": True, "script": script})
    world.artifact(run)
    LineageStore(world.pool).add(
        [Edge(Node(f"artifact:{run}/model.pt"), Node("model:best@1"))], tenant_id=TENANT
    )
    return run


def test_one_request_says_which_data_and_code_a_model_is_of(
    platform: Platform, world: LineageWorld
) -> None:
    run = a_model(world)

    answer = platform.get("/api/v1/lineage/model:best@1").json()

    nodes = {node["node"]: node for node in answer["nodes"]}
    assert {name: node["distance"] for name, node in nodes.items()} == {
        "model:best@1": 0, f"artifact:{run}/model.pt": -1, f"run:{run}": -2, "dataset:digits@2": -3,
        "dataset:raw@1": -4,
    }  # fmt: skip
    code = nodes[f"run:{run}"]["facts"]
    assert (code["commit"], code["is_dirty"], code["is_notebook"]) == ("c" * 40, True, True)
    assert ["dataset:raw@1", "dataset:digits@2"] in answer["edges"]
    assert answer["is_cut"] is False


def test_sides_depth_and_limit_can_be_asked_for(platform: Platform, world: LineageWorld) -> None:
    run = a_model(world)

    def names(query: str) -> set[str]:
        answer = platform.get(f"/api/v1/lineage/run:{run}?{query}")
        return {node["node"] for node in answer.json()["nodes"]} - {f"run:{run}"}

    assert names("up=false&depth=1") == {f"artifact:{run}/model.pt"}
    assert names("down=false") == {"dataset:digits@2", "dataset:raw@1"}
    assert names("depth=0") == set()
    assert platform.get(f"/api/v1/lineage/{run}?limit=1").json()["is_cut"] is True
    assert platform.get(f"/api/v1/lineage/{run}?limit=0").status_code == 422


@pytest.mark.parametrize(
    "name",
    ["model:nothing@1", "nobody", "a/b", "x@1", "image:x", "%3Cscript%3E", "a%2F..%2Fb", "%00"],
)
def test_what_is_not_there_is_not_found(platform: Platform, world: LineageWorld, name: str) -> None:
    a_model(world)
    browser = a_browser(platform)

    assert platform.get(f"/api/v1/lineage/{name}").status_code == 404
    page = browser.get(f"/lineage/{name}")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "<script>" not in page.text


def test_another_tenants_lineage_is_not_found(platform: Platform, world: LineageWorld) -> None:
    run = a_model(world)
    token = platform.token_of("them")
    theirs = a_browser(platform, tenant="them")

    for name in (run, "model:best@1", "digits@2", f"{run}/model.pt"):
        assert platform.get(f"/api/v1/lineage/{name}", token=token).status_code == 404
        assert theirs.get(f"/lineage/{name}").status_code == 404
        assert platform.get(f"/api/v1/lineage/{name}", token=TOKEN).status_code == 200


def test_the_page_draws_each_node_and_escapes_what_scripts_say(
    platform: Platform, world: LineageWorld
) -> None:
    run = a_model(world)
    browser = a_browser(platform)

    page = browser.get("/lineage/model:best@1")

    assert page.status_code == 200
    assert page.text.count("<rect ") == 5
    assert page.text.count('class="edge"') == 4
    assert f'href="/lineage/run:{run}"' in page.text
    assert f'href="/runs/{run}"' in browser.get(f"/lineage/run:{run}").text
    assert "commit cccccccccccc with changes" in page.text
    assert "alert(1)" in page.text
    assert "<script>alert" not in page.text
    assert f'href="/lineage/run:{run}"' in browser.get(f"/runs/{run}").text
    assert f'href="/lineage/run:{run}"' in browser.get(f"/compare?runs={run}").text


def test_who_is_not_signed_in_is_asked_to(platform: Platform) -> None:
    answer = platform.client.get("/lineage/model:best@1")

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/login?next=%2Flineage%2Fmodel%3Abest%401",
    )
    assert platform.client.get("/api/v1/lineage/model:best@1").status_code == 401


def test_of_a_large_graph_the_nearest_are_drawn(platform: Platform, world: LineageWorld) -> None:
    edges = [Edge(Node(f"model:a{n}@1"), Node("model:m@1")) for n in range(4_990)]
    LineageStore(world.pool).add(edges, tenant_id=TenantId(TENANT))

    page = a_browser(platform).get("/lineage/model:m@1")

    assert page.text.count("<rect ") == 13
    assert "and came out of 4,978 more" in page.text
    assert "4,978 more are in the JSON" in page.text
