"""A candidate's evaluation on its page, and the yes or no that people say there."""

from pathlib import Path

import httpx
import pytest

from governance.promotion.evaluations import Evaluation, EvaluationState
from governance.promotion.gates.results import Verdict
from governance.promotion.policy import Gate
from storage.token_store import TokenStore
from tests.integration.gateway.browsers import a_browser, browser_of
from tests.integration.gateway.conftest import TENANT, Platform, bearer
from tests.integration.gateway.test_pages import EVIL
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.unit.governance.promotion.worlds import THRESHOLD

APPROVED = f"{THRESHOLD}, approvals: {{count: 1, by: [ben, cleo, me]}}"


@pytest.fixture
def world(platform: Platform, tmp_path: Path) -> PromotionWorld:
    world = PromotionWorld(platform.pool, tmp_path / "artifacts")
    world.policy = a_policy(APPROVED)
    return world


def waiting(world: PromotionWorld) -> Evaluation:
    """An evaluation that has passed every gate but the approvals."""
    found = world.begun(world.candidate())
    world.measure(found)
    record = world.through(found.evaluation_id)
    assert record.evaluation.state is EvaluationState.WAITING
    return record.evaluation


def says(
    browser: httpx.Client, found: Evaluation, word: str, comment: str = "", **changes: str
) -> httpx.Response:
    fields = {"evaluation": found.evaluation_id, "word": word, "comment": comment, **changes}
    origin = {"Origin": str(browser.base_url).rstrip("/")}
    return browser.post(f"/runs/{found.run_id}/evaluation", data=fields, headers=origin)


def test_a_person_approves_a_candidate_on_its_page(
    platform: Platform, world: PromotionWorld
) -> None:
    found = waiting(world)
    ben = browser_of(platform, "ben")

    before = ben.get(f"/runs/{found.run_id}/evaluation")
    said = says(ben, found, "approved", "it reads well")
    again = says(ben, found, "approved", "it reads well")
    after = ben.get(said.headers["location"])

    assert 'value="approved"' in before.text
    assert "worst &gt;= 0.9" in before.text
    assert [said.status_code, again.status_code] == [303, 303]
    (approval,) = world.evaluations.record(found.evaluation_id).approvals
    assert (approval.approved_by, approval.comment) == ("ben", "it reads well")
    assert "it reads well" in after.text
    assert 'value="approved"' not in after.text
    assert world.evaluations.due() == [found.evaluation_id]
    assert world.through(found.evaluation_id).evaluation.state is EvaluationState.PROMOTED
    assert "digits@1 is production" in ben.get(f"/runs/{found.run_id}/evaluation").text
    assert f'href="/runs/{found.run_id}/evaluation"' in ben.get("/models").text
    assert "evaluation 1: promoted" in ben.get(f"/runs/{found.run_id}").text


def test_a_person_rejects_a_candidate_and_says_why(
    platform: Platform, world: PromotionWorld
) -> None:
    found = waiting(world)
    ben, cleo = browser_of(platform, "ben"), browser_of(platform, "cleo")
    says(cleo, found, "approved")  # nobody has judged it anew yet: a no still comes in time

    silent = says(ben, found, "rejected", "  ")
    said = says(ben, found, "rejected", "it mistakes sevens")

    assert (silent.status_code, "say why" in silent.text) == (422, True)
    assert said.status_code == 303
    record = world.evaluations.record(found.evaluation_id)
    assert record.evaluation.state is EvaluationState.REJECTED
    assert "ben: it mistakes sevens" in record.evaluation.reason
    (approvals,) = [result for result in record.gates if result.gate is Gate.APPROVALS]
    assert approvals.verdict is Verdict.FAILED
    assert approvals.failed[-1].evidence == {"rejected_by": "ben", "comment": "it mistakes sevens"}
    assert {r.verdict for r in record.gates if r.gate is not Gate.APPROVALS} == {Verdict.PASSED}
    assert "it mistakes sevens" in ben.get(said.headers["location"]).text
    assert world.evaluations.due() == []
    assert world.through(found.evaluation_id).evaluation.state is EvaluationState.REJECTED
    assert world.alias() is None


@pytest.mark.parametrize("word", ["approved", "rejected"])
def test_what_was_decided_takes_no_word_any_more(
    platform: Platform, world: PromotionWorld, word: str
) -> None:
    found = waiting(world)
    ben, cleo = browser_of(platform, "ben"), browser_of(platform, "cleo")
    says(ben, found, "rejected", "it mistakes sevens")

    late = says(cleo, found, word, "it is good")

    assert late.status_code == 409
    assert f"is rejected, cannot be {word}" in late.text
    record = world.evaluations.record(found.evaluation_id)
    assert (record.approvals, record.evaluation.state) == ((), EvaluationState.REJECTED)
    assert 'name="word"' not in cleo.get(f"/runs/{found.run_id}/evaluation").text


@pytest.mark.parametrize("word", ["approved", "rejected"])
@pytest.mark.parametrize(
    ("name", "told"),
    [("me", "me owns scratch-aaaaaaaaaaaa"), ("eve", "none of those who may: ben, cleo, me")],
)
def test_only_whom_the_policy_allows_can_say_it(
    platform: Platform, world: PromotionWorld, name: str, told: str, word: str
) -> None:
    found = waiting(world)
    browser = browser_of(platform, name)

    page = browser.get(f"/runs/{found.run_id}/evaluation")
    said = says(browser, found, word, "so it is")

    assert told in page.text
    assert 'name="word"' not in page.text
    assert (said.status_code, told in said.text) == (403, True)
    assert _is_untouched(world, found)


def test_a_session_by_a_link_is_nobody_in_particular(
    platform: Platform, world: PromotionWorld
) -> None:
    found = waiting(world)
    browser = a_browser(platform)

    said = says(browser, found, "approved")

    assert (said.status_code, "nobody in particular" in said.text) == (403, True)
    assert "nobody in particular" in browser.get(f"/runs/{found.run_id}/evaluation").text
    assert _is_untouched(world, found)


def test_another_tenant_finds_nothing_to_decide(platform: Platform, world: PromotionWorld) -> None:
    found = waiting(world)
    browser = browser_of(platform, "ben", tenant="other")

    answers = [
        browser.get(f"/runs/{found.run_id}/evaluation"),
        says(browser, found, "approved"),
        says(browser, found, "rejected", "so it is"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert _is_untouched(world, found)


@pytest.mark.parametrize("word", ["approved", "rejected"])
@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_a_form_of_another_page_decides_nothing(
    platform: Platform, world: PromotionWorld, headers: dict[str, str], word: str
) -> None:
    found = waiting(world)
    browser = browser_of(platform, "ben")
    fields = {"evaluation": found.evaluation_id, "word": word, "comment": "so it is"}

    said = browser.post(f"/runs/{found.run_id}/evaluation", data=fields, headers=headers)

    assert said.status_code == 401
    assert _is_untouched(world, found)


def test_who_is_not_signed_in_sees_and_decides_nothing(
    platform: Platform, world: PromotionWorld
) -> None:
    found = waiting(world)
    browser = a_browser(platform, None)

    seen = browser.get(f"/runs/{found.run_id}/evaluation")

    assert (seen.status_code, seen.headers["location"].startswith("/login")) == (303, True)
    assert says(browser, found, "approved").status_code == 401
    assert _is_untouched(world, found)


def test_a_word_is_about_the_figures_that_were_shown(
    platform: Platform, world: PromotionWorld
) -> None:
    shown = waiting(world)
    ben = browser_of(platform, "ben")
    world.evaluations.end(shown.evaluation_id, EvaluationState.WITHDRAWN, reason="for the test")
    newest = world.begun(shown.run_id, anew=True)
    world.measure(newest)
    world.through(newest.evaluation_id)

    said = says(ben, shown, "approved")

    assert (said.status_code, newest.evaluation_id in said.text) == (409, True)
    assert _is_untouched(world, newest)


@pytest.mark.parametrize(
    "changes",
    [{"word": "perhaps"}, {"comment": "x" * 10_001}, {f"f{n}": "x" for n in range(20)}],
    ids=["word", "comment", "fields"],
)
def test_a_form_that_makes_no_sense_is_refused(
    platform: Platform, world: PromotionWorld, changes: dict[str, str]
) -> None:
    found = waiting(world)

    said = says(browser_of(platform, "ben"), found, **{"word": "approved", **changes})

    assert said.status_code == 422
    assert _is_untouched(world, found)


def test_what_still_runs_can_be_approved_and_not_rejected_yet(
    platform: Platform, world: PromotionWorld
) -> None:
    found = world.begun(world.candidate())
    ben = browser_of(platform, "ben")

    rejected = says(ben, found, "rejected", "so it is")

    assert (rejected.status_code, "is running" in rejected.text) == (409, True)
    assert 'name="word"' not in ben.get(f"/runs/{found.run_id}/evaluation").text
    assert world.evaluations.get(found.evaluation_id).state is EvaluationState.RUNNING


def test_nothing_that_people_wrote_becomes_markup(
    platform: Platform, world: PromotionWorld
) -> None:
    found = waiting(world)
    ben, cleo = browser_of(platform, "ben"), browser_of(platform, "cleo")
    says(cleo, found, "approved", EVIL)
    says(ben, found, "rejected", EVIL)

    for path in (f"/runs/{found.run_id}/evaluation", "/models"):
        text = ben.get(path).text
        assert "alert(1)" in text
        assert "<script>" not in text


def test_a_program_rejects_with_a_reason(platform: Platform, world: PromotionWorld) -> None:
    found = waiting(world)
    tokens = {
        name: TokenStore(platform.pool).create(tenant_id=TENANT, name=name)
        for name in ("ben", "eve")
    }

    def reject(token: str, body: dict[str, str]) -> httpx.Response:
        path = f"/api/v1/runs/{found.run_id}/evaluation/rejections"
        return platform.client.post(path, json=body, headers=bearer(token))

    comment = {"comment": "it mistakes sevens"}
    answers = [
        reject(tokens["eve"], comment),
        reject(platform.token_of("other"), comment),
        reject(tokens["ben"], {}),
        reject(tokens["ben"], comment),
        reject(tokens["ben"], comment),
    ]

    assert [answer.status_code for answer in answers] == [403, 404, 422, 201, 409]
    assert answers[3].json() == {"evaluation": found.evaluation_id, "rejected_by": "ben"}
    assert world.evaluations.get(found.evaluation_id).state is EvaluationState.REJECTED


def _is_untouched(world: PromotionWorld, found: Evaluation) -> bool:
    record = world.evaluations.record(found.evaluation_id)
    is_waiting = record.evaluation.state is EvaluationState.WAITING
    return is_waiting and not record.approvals and not world.evaluations.due()
