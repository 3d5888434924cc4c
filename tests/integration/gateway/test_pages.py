"""Pages as a browser gets them: who may, what is escaped, what headers bind it to."""

import re
from typing import Any

import httpx
import pytest

from tests.integration.gateway.browsers import a_browser, link
from tests.integration.gateway.conftest import (
    NOW_US,
    TENANT,
    TOKEN,
    Platform,
    a_flush,
    bearer,
    wait_for,
)

EVIL = "<script>alert(1)</script>\"'"


def a_run(platform: Platform, **body: Any) -> str:
    run, _ = platform.scratch(**body)
    points = {EVIL: [(n, NOW_US + n * 1_000_000, 1.0 * n) for n in range(5)]}
    platform.flush(a_flush(run, points=points))
    wait_for(
        lambda: platform.rows(
            "SELECT series_id FROM series_summaries JOIN series USING (series_id) WHERE run_id = %s",
            run,
        )
    )
    return run


def test_who_is_not_signed_in_is_asked_to(platform: Platform) -> None:
    answer = platform.client.get("/compare?runs=a&x=wall")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fcompare%3Fruns%3Da%26x%3Dwall"
    assert "API token" in platform.client.get(answer.headers["location"]).text


def test_a_token_opens_a_session_that_ends_with_the_token(platform: Platform) -> None:
    from storage.token_store import TokenStore

    browser = a_browser(platform, None)
    token = TokenStore(platform.pool).create(tenant_id=TENANT, name="ana")
    form = {"token": token, "next": "/compare?x=wall"}
    own = {"Origin": platform.url}

    wrong = browser.post("/login", data={**form, "token": "swk_no"}, headers=own)
    foreign = browser.post("/login", data=form, headers={"Origin": "http://evil.example"})
    right = browser.post("/login", data=form, headers=own)

    assert (wrong.status_code, "unknown" in wrong.text) == (401, True)
    assert foreign.status_code == 401
    assert (right.status_code, right.headers["location"]) == (303, "/compare?x=wall")
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert token not in cookie
    assert browser.get("/compare").status_code == 200
    TokenStore(platform.pool).revoke(tenant_id=TENANT, name="ana")
    assert browser.get("/compare").status_code == 303


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example"])
def test_signing_in_leads_nowhere_else(platform: Platform, target: str) -> None:
    answer = platform.client.post(
        "/login", data={"token": TOKEN, "next": target}, headers={"Origin": platform.url}
    )

    assert answer.headers["location"] == "/compare"
    assert platform.client.get(link(target)).status_code == 401


def test_a_link_opens_once_and_not_for_long(platform: Platform) -> None:
    once = link("/compare?x=wall")

    answers = [
        platform.client.get(once),
        platform.client.get(once),
        platform.client.get(link("/compare", seconds=-1, nonce="late")),
        platform.client.get(once[:-2] + "xx"),
        platform.client.get("/open"),
    ]

    assert [answer.status_code for answer in answers] == [200, 401, 401, 401, 401]
    assert 'content="0;url=/compare?x=wall"' in answers[0].text


def test_the_cookie_changes_nothing_for_another_sites_page(platform: Platform) -> None:
    browser = a_browser(platform)
    steer = ("POST", "/api/v1/sweeps/x/requests", {"request": "pause"})

    statuses = [
        browser.request(steer[0], steer[1], json=steer[2], headers=headers).status_code
        for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": platform.url})
    ]

    assert statuses == [401, 401, 404]
    forged = httpx.Cookies({"sweepworks_session": "swp1.W10.AAAA"})
    with httpx.Client(base_url=platform.url, cookies=forged, trust_env=False) as other:
        assert other.get("/api/v1/runs").status_code == 401
    # Scripts of a trial are known by their token alone.
    assert browser.post("/api/v1/runs/scratch-x/beat").status_code == 401


def test_names_are_text_on_every_page(platform: Platform) -> None:
    run = a_run(
        platform, experiment=EVIL, params={EVIL: EVIL, "n": 1}, tags={EVIL: EVIL}, script=EVIL
    )
    platform.rows(
        "INSERT INTO run_notices (run_id, subject, sentence) VALUES (%s, %s, %s)", run, EVIL, EVIL
    )
    browser = a_browser(platform)

    pages = [browser.get(path) for path in ("/compare", f"/compare?runs={run}", f"/runs/{run}")]
    pages.append(browser.get(f"/compare?runs={run}&key={EVIL}&x=wall"))
    pages.append(browser.get(f"/compare?runs={EVIL}"))

    assert [page.status_code for page in pages] == [200, 200, 200, 200, 404]
    for page in pages:
        assert "alert(1)" in page.text
        assert "<script>" not in page.text
        assert not re.search(r"<script(?![^>]* src=\"/assets/)", page.text)


def test_an_address_that_makes_no_sense_is_answered_by_a_page(platform: Platform) -> None:
    run = a_run(platform)
    browser = a_browser(platform)

    for path in (f"/compare?runs={run}&x=moon", f"/runs/{run}?x=%00"):
        answer = browser.get(path)
        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("text/html")
        assert "step" in answer.text, "what is possible instead"
    assert browser.get(f"/api/v1/query/series?runs={run}&keys=a&axis=moon").json()["error"]


def test_pages_load_scripts_from_here_only(platform: Platform) -> None:
    run = a_run(platform)
    page = a_browser(platform).get(f"/compare?runs={run}")

    policy = page.headers["content-security-policy"]
    scripts = re.findall(r'src="([^"]+)"', page.text)
    assets = [platform.client.get(path) for path in scripts]

    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert [asset.status_code for asset in assets] == [200, 200]
    assert all("immutable" in asset.headers["cache-control"] for asset in assets)
    assert platform.client.get("/assets/000000000000/curves.js").status_code == 404
    assert platform.client.get("/assets/x/..%2fhtml.py").status_code == 404


def test_a_page_shows_the_runs_of_its_tenant_only(platform: Platform) -> None:
    run = a_run(platform)
    theirs = a_browser(platform, tenant="them")

    assert theirs.get(f"/runs/{run}").status_code == 404
    assert theirs.get(f"/compare?runs={run}").status_code == 404
    assert run not in theirs.get("/compare").text


def test_what_was_refused_is_on_the_page_of_the_run(platform: Platform) -> None:
    run = a_run(platform)
    platform.rows(
        "INSERT INTO run_notices (run_id, subject, sentence)"
        " VALUES (%s, 'metrics', 'a run may have 2000 of them')",
        run,
    )

    text = a_browser(platform).get(f"/runs/{run}").text

    assert "Not stored" in text
    assert "a run may have 2000 of them" in text


def test_what_differs_is_marked_and_the_best_comes_first(platform: Platform) -> None:
    runs = [
        a_run(platform, params={"lr": lr, "same": True}, experiment=f"e{lr}") for lr in (0.1, 0.2)
    ]
    platform.flush(a_flush(runs[1], 2, {EVIL: [(9, NOW_US + 9_000_000, 77.0)]}))
    platform.rows("UPDATE run_summaries SET refreshed_at = '-infinity', took = '0'")
    browser = a_browser(platform)
    path = f"/compare?runs={runs[0]},{runs[1]}"

    wait_for(lambda: ">77<" in browser.get(path).text)

    text = browser.get(path).text
    marked = re.findall(r'<tr class="differs">\s*<th>(\w+)</th>', text)
    places = [text.index(f'href="/runs/{run}"') for run in runs]
    assert marked == ["lr"]
    assert places[1] < places[0]


def test_a_hundred_runs_fit_on_a_page(platform: Platform) -> None:
    runs = [platform.scratch(params={"n": n})[0] for n in range(100)]
    browser = a_browser(platform)

    page = browser.get(f"/compare?runs={','.join(runs)}")
    refused = browser.get(f"/compare?runs={','.join([*runs, *(f'r{n}' for n in range(101))])}")

    assert page.status_code == 200
    assert page.text.count('<a href="/runs/') == 100
    assert (refused.status_code, "1 to 200 runs" in refused.text) == (422, True)


def test_the_api_is_read_with_the_cookie_too(platform: Platform) -> None:
    run = a_run(platform)
    browser = a_browser(platform)

    assert browser.get(f"/api/v1/runs/{run}").status_code == 200
    answer = browser.get("/api/v1/query/series", params={"runs": run, "keys": EVIL})
    assert answer.json()["series"][0]["x"] == [0, 1, 2, 3, 4]
    assert platform.client.get("/api/v1/runs", headers=bearer(TOKEN)).status_code == 200
