"""A candidate is approved, and another one rejected, by a person who clicks."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from governance.promotion.evaluations import EvaluationState
from storage.token_store import TokenStore
from tests.integration.gateway.conftest import TENANT, Platform
from tests.integration.gateway.test_pages import EVIL
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.plugins.browser import PICTURES
from tests.unit.governance.promotion.worlds import THRESHOLD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

GATES = f"{THRESHOLD}, approvals: {{count: 1, by: [ben, cleo]}}"


def test_a_person_signs_in_looks_at_the_gates_and_decides(
    page: Page, platform: Platform, tmp_path: Path
) -> None:
    world = PromotionWorld(platform.pool, tmp_path / "artifacts")
    world.policy = a_policy(GATES)
    first = world.begun(world.candidate())
    second = world.begun(world.candidate("scratch-bbbbbbbbbbbb", content=b"others"))
    for found in (first, second):
        world.measure(found)
        world.through(found.evaluation_id)
    token = TokenStore(platform.pool).create(tenant_id=TENANT, name="ben")

    page.goto(f"{platform.url}/models")
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    row = page.locator("#evaluations tr").filter(has_text=first.run_id)
    row.get_by_role("link", name="waiting").click()
    expect(page.locator("#gates tbody tr")).to_have_count(13)
    expect(page.locator("#gates .badge.waiting")).to_have_count(1)
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "evaluation_waits.png", full_page=True)
    page.get_by_label("Comment").fill(f"it reads well {EVIL}")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#word .note")).to_contain_text("it reads well")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.screenshot(path=PICTURES / "evaluation_approved.png", full_page=True)
    world.through(first.evaluation_id)
    page.reload()
    expect(page.locator("#state")).to_have_text("promoted")

    page.goto(f"{platform.url}/runs/{second.run_id}/evaluation")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("alert")).to_contain_text("say why")
    page.go_back()
    page.get_by_label("Comment").fill("it mistakes sevens")
    page.get_by_role("button", name="Reject").click()

    expect(page.locator("#state")).to_have_text("rejected")
    expect(page.locator("#reason")).to_contain_text("ben: it mistakes sevens")
    expect(page.get_by_role("button", name="Reject")).to_have_count(0)
    page.screenshot(path=PICTURES / "evaluation_rejected.png", full_page=True)
    assert world.evaluations.get(second.evaluation_id).state is EvaluationState.REJECTED
    assert world.alias() == 1
