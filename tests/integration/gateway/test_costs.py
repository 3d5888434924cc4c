"""Costs over HTTP: one tenant's, as JSON and as a page."""

import datetime as dt
import html
import json
import re

import pytest

from tests.integration.gateway.browsers import a_browser
from tests.integration.gateway.conftest import TENANT, Platform, bearer
from tests.integration.gateway.test_pages import TOKEN
from tests.integration.storage.cost_world import DAY, CostWorld

STRETCH = {"since": DAY.isoformat(), "until": (DAY + dt.timedelta(days=1)).isoformat()}


@pytest.fixture
def spent(platform: Platform) -> CostWorld:
    """Eight dollars' worth of GPU of this tenant, and some of another one's."""
    costs = CostWorld(platform.pool)
    own, other = (
        costs.sweep(f"digits-{letter * 8}", experiment="<b>digits</b>", tenant=tenant)
        for letter, tenant in (("a", TENANT), ("b", "others"))
    )
    costs.attempt(costs.run(own, 1), 22, 26)
    costs.attempt(costs.run(other, 1), 0, 9)
    costs.replace()
    return costs


def test_a_token_shows_what_its_tenant_spent(platform: Platform, spent: CostWorld) -> None:
    answer = platform.client.get("/api/v1/cost", params=STRETCH, headers=bearer(TOKEN))

    body = answer.json()
    assert answer.status_code == 200
    assert body["total"]["gpu_hours"] == 4
    assert body["total"]["usd"] == pytest.approx(8.18)
    assert body["total"]["estimated_usd"] == pytest.approx(4.09)
    assert [row["key"] for row in body["rows"]] == ["<b>digits</b>"]


def test_the_page_has_a_table_and_what_its_plot_draws(platform: Platform, spent: CostWorld) -> None:
    answer = a_browser(platform).get("/cost", params={**STRETCH, "by": "experiment"})

    assert answer.status_code == 200
    assert "<b>digits</b>" not in answer.text
    assert "$8.18" in answer.text
    found = re.search(r'data-plot="([^"]*)"', answer.text)
    assert found is not None
    plot = json.loads(html.unescape(found[1]))
    assert plot["days"] == list(STRETCH.values())
    ((bar),) = plot["bars"]
    assert bar["usd"] == pytest.approx([4.09, 4.09])


def test_what_cannot_be_shown_is_said(platform: Platform) -> None:
    browser = a_browser(platform)

    assert browser.get("/cost", params={"by": "run"}).status_code == 422
    assert browser.get("/cost", params={"since": "2020-01-01"}).status_code == 422
    assert "Nothing was held" in browser.get("/cost").text
    refused = platform.client.get("/api/v1/cost")
    assert refused.status_code == 401


def test_pages_of_a_sweep_and_of_a_run_say_what_they_cost(
    platform: Platform, spent: CostWorld
) -> None:
    browser = a_browser(platform)

    for path in ("/sweeps/digits-aaaaaaaa", "/runs/digits-aaaaaaaa-00001"):
        assert "cost $8.18, 4 GPU-hours" in browser.get(path).text
    assert browser.get("/sweeps/digits-bbbbbbbb").status_code == 404
