"""Pages of sweeps that have ended, over HTTP: who reads, who confirms, what becomes markup."""

import re
from typing import Any

import pytest

from storage.annotations.notes import NoteStore
from storage.sweeps.graveyard import PostgresGraveyard
from sweeps.ids import SweepId, TenantId
from sweeps.tags import parse_subject
from tests.factories import SWEEP
from tests.integration.gateway.browsers import a_browser
from tests.integration.gateway.conftest import TENANT, TOKEN, Platform, bearer
from tests.integration.gateway.test_pages import EVIL

API = "/api/v1/graveyard"


def bury(platform: Platform, *, note: str = "stripes", write: bool = True) -> SweepId:
    platform.trials(2)
    platform.rows("UPDATE runs SET state = 'completed', ended_at = now(), objective = number")
    platform.rows("UPDATE sweeps SET state = 'completed', ended_at = now()")
    NoteStore(platform.pool).add(parse_subject(SWEEP), note, tenant_id=TENANT, by="ana")
    if write:
        PostgresGraveyard(platform.pool).write(SWEEP)
    return SWEEP


def test_pages_are_searched_and_read(platform: Platform) -> None:
    sweep = bury(platform)

    found = platform.get(f"{API}?words=stripe&experiment=digits").json()["entries"]
    page = platform.get(f"{API}/{sweep}").json()

    assert [entry["sweep_id"] for entry in found] == [sweep]
    assert platform.get(f"{API}?words=zebra").json()["entries"] == []
    assert "## What worked" in page["markdown"]
    text = a_browser(platform).get(f"/graveyard/{sweep}").text
    assert "<h2>What worked</h2>" in text
    assert f'href="/sweeps/{sweep}"' in text
    assert sweep in a_browser(platform, nonce="m").get("/graveyard?words=stripes").text


def test_a_sweep_without_a_page_says_how_it_gets_one(platform: Platform) -> None:
    sweep = bury(platform, write=False)

    answer = a_browser(platform).get(f"/graveyard/{sweep}")

    assert answer.status_code == 200
    assert "sweepworks graveyard show" in answer.text


def test_a_page_confirms_its_takeaway(platform: Platform) -> None:
    sweep = bury(platform)
    browser = a_browser(platform)
    ours, theirs = {"Origin": platform.url}, {"Origin": "https://evil.example"}

    refused = browser.post(f"/graveyard/{sweep}", data={"takeaway": "x"}, headers=theirs)
    taken = browser.post(f"/graveyard/{sweep}", data={"takeaway": "It is so."}, headers=ours)

    assert refused.status_code == 401
    assert taken.status_code == 303
    entry = platform.get(f"{API}/{sweep}").json()
    assert entry["takeaway"] == "It is so."


def test_another_tenant_reads_and_confirms_nothing(platform: Platform) -> None:
    sweep = bury(platform)
    other = bearer(platform.token_of("other"))

    answers = [
        platform.client.get(f"{API}/{sweep}", headers=other),
        platform.client.get(f"/graveyard/{sweep}", headers=other),
        platform.client.put(f"{API}/{sweep}/takeaway", json={"takeaway": "x"}, headers=other),
        platform.client.post(f"/graveyard/{sweep}", data={"takeaway": "x"}, headers=other),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert platform.client.get(API, headers=other).json()["entries"] == []
    assert sweep not in platform.client.get("/graveyard", headers=other).text
    assert platform.get(f"{API}/{sweep}").json()["takeaway"] is None


def test_nothing_that_people_wrote_becomes_markup(platform: Platform) -> None:
    sweep = bury(platform, note=f"{EVIL} [x](javascript:alert(1)) ![x](https://evil.example/a.png)")
    graveyard = PostgresGraveyard(platform.pool)
    graveyard.confirm(sweep, EVIL, tenant_id=TenantId(TENANT), by=EVIL)
    graveyard.write(sweep)
    browser = a_browser(platform)

    for path in (f"/graveyard/{sweep}", "/graveyard", f"/graveyard?words={EVIL}&tag={EVIL}"):
        text = browser.get(path).text
        assert "<script>alert" not in text
        assert 'href="javascript' not in text
        assert not re.search(r"<img[^>]*evil", text)


def test_a_submission_is_told_what_it_resembles(platform: Platform) -> None:
    sweep = bury(platform)
    spec: dict[str, Any] = {
        "experiment": "digits",
        "owner": "home",
        "purpose": "Again.",
        "objective": {"metric": "score", "direction": "maximize"},
        "space": {"x": {"type": "float", "low": 0.5, "high": 1.5}},
        "limits": {"max_trials": 2},
        "trial": {"command": ["python", "train.py"]},
    }

    answer = platform.client.post(
        "/api/v1/sweeps", json={"spec": spec, "source_dir": "/x"}, headers=bearer(TOKEN)
    )

    (alike,) = answer.json()["resembles"]
    assert alike["sweep_id"] == sweep
    assert alike["overlap"] == pytest.approx(0.5)
