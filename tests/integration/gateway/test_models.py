"""Models over HTTP: for pipelines as JSON and bytes, for people as pages."""

from pathlib import Path

import httpx
import pytest

from governance.promotion.evaluations import EvaluationState
from storage.token_store import TokenStore
from tests.integration.gateway.conftest import TENANT, TOKEN, Platform, bearer
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.unit.governance.promotion.worlds import THRESHOLD


@pytest.fixture
def world(platform: Platform, tmp_path: Path) -> PromotionWorld:
    return PromotionWorld(platform.pool, tmp_path / "artifacts")


def test_a_pipeline_finds_what_is_in_production_and_its_bytes(
    platform: Platform, world: PromotionWorld
) -> None:
    record = world.promoted("scratch-aaaaaaaaaaaa", content=b"weights of the first")

    found = platform.get("/api/v1/models/digits/aliases/production").json()
    version = platform.get("/api/v1/models/digits/versions/1").json()
    evaluation = platform.get(f"/api/v1/runs/{record.evaluation.run_id}/evaluation").json()

    assert found["version"]["image"].startswith("registry.example/serve@sha256:")
    assert found["version"]["inference"] == {"batch_size": 32}
    assert platform.get(found["file"]).content == b"weights of the first"
    assert {gate["verdict"] for gate in version["gates"]} == {"passed"}
    assert evaluation["evaluation"]["evaluation"]["state"] == "promoted"
    assert [m["name"] for m in platform.get("/api/v1/models").json()["models"]] == ["digits"]


@pytest.mark.parametrize(
    "path",
    ["/api/v1/models/none", "/api/v1/models/a%20b", "/api/v1/models/digits/versions/9",
     "/api/v1/models/digits/aliases/staging", "/api/v1/runs/scratch-aaaaaaaaaaab/evaluation"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(
    platform: Platform, world: PromotionWorld, path: str
) -> None:
    world.promoted("scratch-aaaaaaaaaaaa", content=b"weights")

    assert platform.get(path).status_code == 404


def test_people_see_versions_aliases_and_gates_with_their_evidence(
    platform: Platform, world: PromotionWorld
) -> None:
    world.promoted("scratch-aaaaaaaaaaaa", content=b"weights")
    models, model = platform.get("/models"), platform.get("/models/digits")

    assert (models.status_code, model.status_code) == (200, 200)
    assert "production @1" in models.text
    for text in ("digits@1", "metrics_reach_thresholds", "worst &gt;= 0.9", "by_seed"):
        assert text in model.text, text


def test_a_word_over_http_is_that_of_the_tokens_owner_and_never_of_the_candidates(
    platform: Platform, world: PromotionWorld
) -> None:
    world.policy = a_policy(f"{THRESHOLD}, approvals: {{count: 1}}")
    found = world.begun(world.candidate())
    world.measure(found)
    world.through(found.evaluation_id)
    tokens = {
        name: TokenStore(platform.pool).create(tenant_id=TENANT, name=name)
        for name in ("me", "ben")
    }

    def approve(token: str) -> httpx.Response:
        path = f"/api/v1/runs/{found.run_id}/evaluation/approvals"
        body = {"comment": "good", "by": "ben", "approved_by": "ben"}
        return platform.client.post(path, json=body, headers=bearer(token))

    refused = [approve(tokens["me"]), approve(TOKEN), approve("swk_unknown")]
    foreign = approve(platform.token_of("other"))
    waiting = world.evaluations.record(found.evaluation_id)
    taken = [approve(tokens["ben"]), approve(tokens["ben"])]

    assert [answer.status_code for answer in refused] == [403, 403, 401]
    assert "owns" in refused[0].json()["error"]
    assert foreign.status_code == 404
    assert not waiting.approvals
    assert [answer.status_code for answer in taken] == [201, 200]
    assert taken[0].json() == {"evaluation": found.evaluation_id, "approved_by": "ben"}
    assert world.evaluations.due() == [found.evaluation_id]
    assert world.through(found.evaluation_id).evaluation.state is EvaluationState.PROMOTED
    assert approve(tokens["ben"]).status_code == 409
