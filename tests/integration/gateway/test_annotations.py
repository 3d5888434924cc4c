"""Tags, notes and links over HTTP, on pages, and of whom they are."""

import re
from typing import Any

import pytest

from governance.features.file import FEATURES
from governance.naming_file import NAMING
from storage.policy_store import PolicyStore
from sweeps.policies import PolicyChange
from tests.factories import SWEEP
from tests.integration.gateway.browsers import a_browser
from tests.integration.gateway.conftest import (
    NOW_US,
    TOKEN,
    Platform,
    a_flush,
    bearer,
    wait_for,
)
from tests.integration.gateway.test_pages import EVIL
from tests.integration.policies import apply

POLICY = """
default:
  experiment: {pattern: "[a-z]+-[a-z]+", example: vision-digits}
  purpose: {min_length: 30}
  tiers: [{name: good, when: acc > 0.9}]
trackers: [{pattern: "VIS-[0-9]+", url: "https://tracker.example/{id}"}]
"""
API = "/api/v1/annotations"


def apply_policy(platform: Platform, text: str = POLICY) -> None:
    store = PolicyStore(platform.pool)
    change = PolicyChange(
        kind=NAMING, source="naming.yaml", before=store.current(NAMING), text=text
    )
    store.apply([change], by="me", comment="")


def said(platform: Platform, on: str) -> dict[str, Any]:
    answer = platform.client.get(API, params={"on": on}, headers=bearer(TOKEN))
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(platform: Platform, method: str, path: str, *, token: str = TOKEN, **body: Any) -> Any:
    return platform.client.request(method, API + path, json=body, headers=bearer(token))


def test_tags_notes_and_links_are_written_and_read(platform: Platform) -> None:
    apply_policy(platform)
    run = platform.trials()[0]
    platform.seal(run)

    assert send(platform, "PUT", "/tags", on=[run, SWEEP], tag="team=vision").status_code == 200
    note = send(platform, "POST", "/notes", on=run, text="it was the data").json()
    send(platform, "PUT", f"/notes/{note['note_id']}", on=run, text="it was the labels")
    assert send(platform, "POST", "/links", on=run, target="VIS-1").status_code == 201
    assert send(platform, "POST", "/links", on=run, target="VIS-1").status_code == 200

    found = said(platform, run)
    assert [(tag["name"], tag["value"], tag["set_by"]) for tag in found["tags"]] == [
        ("team", "vision", "home")
    ]
    assert [note["text"] for note in found["notes"]] == ["it was the labels"]
    assert [(link["target"], link["url"]) for link in found["links"]] == [
        ("VIS-1", "https://tracker.example/VIS-1")
    ]
    assert said(platform, f"sweep:{SWEEP}")["tags"]


def test_a_baseline_that_moves_is_told(platform: Platform) -> None:
    first, second = platform.trials(2)
    send(platform, "PUT", "/tags", on=[first], tag="baseline")

    answer = send(platform, "PUT", "/tags", on=[second], tag="baseline")

    assert answer.json()["moved_from"] == [first]
    assert said(platform, first)["tags"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/tags", {"tag": "a b"}),
        ("PUT", "/tags", {"tag": "baseline"}),
        ("POST", "/notes", {"text": " "}),
        ("POST", "/notes", {"text": "x" * 10_001}),
        ("POST", "/links", {"target": "javascript:alert(1)"}),
        ("POST", "/links", {"target": "data:text/html,x-1"}),
    ],
)
def test_what_makes_no_sense_is_refused(
    platform: Platform, method: str, path: str, body: dict[str, str]
) -> None:
    platform.trials()

    on: Any = [SWEEP] if path == "/tags" else SWEEP
    answer = send(platform, method, path, on=on, **body)

    assert answer.status_code == 422, answer.text
    assert said(platform, SWEEP)["tags"] == []


@pytest.mark.parametrize(
    ("wrong", "status", "told"),
    [
        (["nope"], 404, "no run or sweep 'nope'"),
        (["../x", "run:nope"], 404, "no run or sweep '../x'"),
        (["sweep:nope", "experiment:nope"], 422, "no sweep 'nope'; there is no experiment 'nope'"),
        (["x y", "run:"], 422, "no run or sweep 'x y'"),
    ],
)
def test_when_one_cannot_be_tagged_none_is(
    platform: Platform, wrong: list[str], status: int, told: str
) -> None:
    run = platform.trials()[0]

    answer = send(platform, "PUT", "/tags", on=[run, SWEEP, *wrong], tag="keeper")

    assert answer.status_code == status, answer.text
    assert told in answer.json()["error"]
    assert said(platform, run)["tags"] == []
    assert said(platform, SWEEP)["tags"] == []


def test_another_tenant_is_told_that_there_is_nothing(platform: Platform) -> None:
    run = platform.trials()[0]
    note = send(platform, "POST", "/notes", on=run, text="ours").json()["note_id"]
    send(platform, "PUT", "/tags", on=[run], tag="keeper")
    other = platform.token_of("other")
    before = said(platform, run)
    query: dict[str, Any] = {
        "params": {"on": run, "name": "keeper", "target": "VIS-1"},
        "headers": bearer(other),
    }

    answers = [
        send(platform, "PUT", "/tags", token=other, on=[run], tag="mine"),
        send(platform, "POST", "/notes", token=other, on=run, text="mine"),
        send(platform, "PUT", f"/notes/{note}", token=other, on=run, text="mine"),
        send(platform, "POST", "/links", token=other, on=run, target="VIS-2"),
        platform.client.get(API, **query),
        platform.client.get(f"{API}/changes", **query),
        platform.client.get(f"{API}/notes/{note}", **query),
        platform.client.delete(f"{API}/tags", **query),
        platform.client.delete(f"{API}/links", **query),
        platform.client.get(f"/sweeps/{SWEEP}", headers=bearer(other)),
        platform.client.get("/experiments/digits", headers=bearer(other)),
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert said(platform, run) == before
    assert "digits" not in platform.client.get("/experiments", headers=bearer(other)).text


def test_tiers_are_found_and_shown(platform: Platform) -> None:
    apply_policy(platform)
    good, bad, by_hand = (platform.scratch()[0] for _ in range(3))
    for run, value in ((good, 0.95), (bad, 0.5)):
        platform.flush(a_flush(run, points={"acc": [(1, NOW_US, value)]}))
    wait_for(lambda: platform.rows("SELECT count(*) FROM series_summaries") == [(2,)])
    send(platform, "PUT", "/tags", on=[by_hand], tag="tier.good")

    answer = platform.client.get(
        "/api/v1/runs", params={"where": "tier = good"}, headers=bearer(TOKEN)
    )

    assert {run["run_id"] for run in answer.json()["runs"]} == {good, by_hand}
    assert said(platform, good)["tiers"] == ["good"]
    assert said(platform, bad)["tiers"] == []


def test_a_submission_that_does_not_comply_is_refused_with_all_there_is(platform: Platform) -> None:
    apply_policy(platform)
    spec: dict[str, Any] = {
        "experiment": "Digits",
        "owner": "home",
        "purpose": "Try.",
        "objective": {"metric": "acc", "direction": "maximize"},
        "space": {"lr": {"type": "float", "low": 0.1, "high": 1.0}},
        "limits": {"max_trials": 2},
        "trial": {"command": ["python", "train.py"]},
        "tags": ["team=vision"],
        "links": ["VIS-9"],
    }

    refused = platform.client.post(
        "/api/v1/sweeps", json={"spec": spec, "source_dir": "/x"}, headers=bearer(TOKEN)
    )
    spec |= {"experiment": "vision-digits", "purpose": "Which learning rate is best on digits?"}
    taken = platform.client.post(
        "/api/v1/sweeps", json={"spec": spec, "source_dir": "/x"}, headers=bearer(TOKEN)
    )

    assert refused.status_code == 422
    assert "vision-digits" in refused.json()["error"]
    assert "30" in refused.json()["error"]
    assert taken.status_code == 201, taken.text
    found = said(platform, taken.json()["sweep"])
    assert [tag["name"] for tag in found["tags"]] == ["team"]
    assert [link["target"] for link in found["links"]] == ["VIS-9"]


def form(on: str, action: str, value: str = "", **more: str) -> dict[str, str]:
    return {"on": on, "action": action, "value": value, **more}


def test_a_page_edits_what_it_shows(platform: Platform) -> None:
    run = platform.trials()[0]
    browser = a_browser(platform)
    ours = {"Origin": platform.url}

    for one in (
        form(run, "tag", "keeper"),
        form(run, "note", "first"),
        form(run, "link", "https://x.example/VIS-1"),
    ):
        answer = browser.post("/annotate", data=one, headers=ours)
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == f"/runs/{run}#said"
    note = str(said(platform, run)["notes"][0]["note_id"])
    browser.post("/annotate", data=form(run, "edit-note", "second", note=note), headers=ours)

    text = browser.get(f"/runs/{run}").text
    assert "keeper" in text
    assert "second" in text
    assert 'href="https://x.example/VIS-1" rel="noopener noreferrer nofollow"' in text

    for one in (
        form(run, "untag", "keeper"),
        form(run, "remove-note", note=note),
        form(run, "unlink", "https://x.example/VIS-1"),
    ):
        assert browser.post("/annotate", data=one, headers=ours).status_code == 303
    found = said(platform, run)
    assert (found["tags"], found["notes"], found["links"]) == ([], [], [])


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_a_form_of_another_page_changes_nothing(
    platform: Platform, headers: dict[str, str]
) -> None:
    run = platform.trials()[0]
    browser = a_browser(platform)

    answer = browser.post("/annotate", data=form(run, "tag", "keeper"), headers=headers)

    assert answer.status_code == 401
    assert said(platform, run)["tags"] == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "on=../x&action=tag",
        "on=a-b&action=nothing",
        "&".join(["a=1"] * 20),
        "on=%00&action=tag",
    ],
)
def test_a_form_that_says_nothing_is_refused(platform: Platform, body: str) -> None:
    browser = a_browser(platform)

    answer = browser.post("/annotate", content=body, headers={"Origin": platform.url})

    assert answer.status_code in {404, 422}


def test_nothing_that_people_wrote_becomes_markup(platform: Platform) -> None:
    platform.trials()
    browser = a_browser(platform)
    ours = {"Origin": platform.url}
    for on in (SWEEP, "experiment:digits"):
        browser.post("/annotate", data=form(on, "note", EVIL), headers=ours)
        browser.post("/annotate", data=form(on, "tag", f"team={EVIL}"), headers=ours)
        browser.post(
            "/annotate", data=form(on, "link", 'https://x/?"onclick=alert(1)'), headers=ours
        )

    for path in (f"/sweeps/{SWEEP}", "/experiments/digits", "/experiments"):
        text = browser.get(path).text
        assert "<script>alert" not in text
        assert not re.search(r"<[^>]*\sonclick", text)
    assert "&lt;script&gt;" in browser.get(f"/sweeps/{SWEEP}").text


def test_a_candidate_whose_tag_starts_nothing_is_told_what_does(platform: Platform) -> None:
    run, _ = platform.scratch()
    request = {"on": [run], "tag": "production_candidate"}
    before = send(platform, "PUT", "/tags", **request).json()
    apply(platform.pool, FEATURES, "features: {evaluation_by_tag: {on: false}}")
    after = send(platform, "PUT", "/tags", **request).json()

    shown = said(platform, run)
    page = a_browser(platform).get(f"/runs/{run}").text

    assert before["notes"] == []
    assert shown["hints"] == after["notes"]
    assert "evaluation_by_tag is switched off" in page
    assert "evaluation_by_tag is switched off" in after["notes"][0]
    assert "ask ana" in after["notes"][0]
