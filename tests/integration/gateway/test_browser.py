"""The pages in a real browser; pictures go to tests/.output."""

import datetime as dt
import math
import random
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from governance.page_access import PageGrant, signed_link
from storage.artifacts.folder import ArtifactFolder
from storage.lineage.graph import LineageStore
from sweeps.lineage import Edge, Node
from tests.integration.gateway.conftest import (
    KEY,
    NOW_US,
    TENANT,
    TOKEN,
    Platform,
    a_flush,
    wait_for,
)
from tests.integration.storage.cost_world import DAY, CostWorld
from tests.integration.storage.lineage_world import CODE, LineageWorld
from tests.plugins.browser import PICTURES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EVIL = "<script>document.title='owned'</script>"


def runs_with_curves(platform: Platform, n: int, *, points: int = 3_000) -> list[str]:
    rng = random.Random(3)
    runs: list[str] = []
    for number in range(n):
        lr = round(10 ** rng.uniform(-4, -1), 5)
        run, _ = platform.scratch(
            experiment="digits" if number else EVIL,
            params={"lr": lr, "hidden": 16 * (number % 4 + 1), "activation": "relu", "note": EVIL},
            tags={"team": "vision"},
        )
        curve = [
            (
                step,
                NOW_US - 3_600_000_000 + step * 1_000_000,
                math.exp(-step / 800) * (1 + number / n) + rng.gauss(0, 0.03),
            )
            for step in range(points)
        ]
        curve[points // 2] = (*curve[points // 2][:2], 3.0)  # a spike
        platform.flush(a_flush(run, points={"loss": curve, EVIL: curve[:50]}))
        runs.append(run)
    wait_for(
        lambda: platform.rows("SELECT count(*) FROM series_summaries") == [(2 * n,)], seconds=60
    )
    return runs


def open_page(page: Page, platform: Platform, path: str) -> None:
    grant = PageGrant(
        tenant_id=TENANT,
        path=path,
        nonce="n",
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1),
    )
    page.goto(platform.url + signed_link(grant, key=KEY))
    page.wait_for_url("**/*key=loss*")


def test_curves_are_drawn_and_fetched_anew_when_one_zooms(page: Page, platform: Platform) -> None:
    runs = runs_with_curves(platform, 4)
    open_page(page, platform, f"/compare?runs={','.join(runs)}&key=loss")

    figure = page.locator(".plot").first
    expect(figure).to_have_attribute("data-resolution", "buckets", timeout=60_000)
    expect(figure).to_have_attribute("data-series", "4")
    expect(figure.locator(".state")).to_be_hidden()
    assert figure.locator("path.js-line").count() >= 4
    greatest = figure.locator(".chart").evaluate(
        "chart => Math.max(...chart.data.flatMap(trace => trace.y))"
    )
    assert greatest == 3.0
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "compare.png", full_page=True)
    box = figure.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.48, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 100, steps=5)
    page.mouse.up()
    expect(figure).to_have_attribute("data-resolution", "raw", timeout=60_000)
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / "zoomed.png")
    assert page.title() == "4 runs · Sweepworks"

    page.get_by_label("clock time").check()
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".plot").first).to_have_attribute("data-series", "4", timeout=60_000)
    assert "x=wall" in page.url


def test_a_hundred_runs_are_drawn(page: Page, platform: Platform) -> None:
    runs = runs_with_curves(platform, 100, points=1_000)
    open_page(page, platform, f"/compare?runs={','.join(runs)}&key=loss")

    expect(page.locator(".plot").first).to_have_attribute("data-series", "100", timeout=90_000)
    page.wait_for_timeout(500)
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "hundred.png")


def test_what_cannot_be_loaded_is_said(page: Page, platform: Platform) -> None:
    (run,) = runs_with_curves(platform, 1, points=60)
    page.route(
        "**/api/v1/query/series?**",
        lambda route: route.fulfill(status=503, json={"error": "the database does not answer"}),
    )

    open_page(page, platform, f"/compare?runs={run}&key=loss")

    expect(page.get_by_text("the database does not answer")).to_be_visible(timeout=60_000)


def test_a_person_signs_in_and_looks_at_a_run(page: Page, platform: Platform) -> None:
    (run,) = runs_with_curves(platform, 1, points=60)
    platform.rows(
        "INSERT INTO run_notices (run_id, subject, sentence) VALUES (%s, 'metrics',"
        " 'this run has 2000 metrics, which is all it may have; more are left out')",
        run,
    )
    page.goto(f"{platform.url}/runs/{run}?key=loss")
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "login.png")

    page.get_by_label("API token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("which is all it may have")).to_be_visible(timeout=60_000)
    expect(page.locator(".plot").first).to_have_attribute("data-resolution", "raw", timeout=60_000)
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / "one_run.png", full_page=True)
    assert "owned" not in page.title()


def test_a_lineage_is_drawn_and_leads_to_its_runs(
    page: Page, platform: Platform, tmp_path: Path
) -> None:
    world = LineageWorld(platform.pool, ArtifactFolder(tmp_path / "artifacts"))
    world.dataset("digits-clean", 3, parents=(("digits-raw", 1), ("labels", 2)))
    edges: list[Edge] = []
    for number in range(3):
        run = world.whole_run(dataset=("digits-clean", 3), code={**CODE, "is_dirty": number == 1})
        for n in range(20 if number == 2 else 1):
            world.artifact(run, f"checkpoints/{n:010d}/a name that is too long for its box.pt")
        name = world.rows("SELECT name FROM artifacts WHERE run_id = %s ORDER BY name", run)[0][0]
        edges.append(Edge(Node(f"artifact:{run}/{name}"), Node("model:digits-best@4")))
    LineageStore(platform.pool).add(edges, tenant_id=TENANT)
    grant = PageGrant(
        tenant_id=TENANT,
        path="/lineage/digits-clean@3",
        nonce="n",
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1),
    )

    page.goto(platform.url + signed_link(grant, key=KEY))
    page.wait_for_url("**/lineage/**")

    expect(page.locator("#lineage a.node")).to_have_count(3 + 3 + 1 + 1 + 12 + 1)
    expect(page.get_by_text("and went into 8 more").first).to_be_visible()
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "lineage.png", full_page=True)
    page.locator("#lineage a.run").first.click()
    page.wait_for_url("**/lineage/run:**")
    page.get_by_role("link", name="the run").click()
    page.wait_for_url("**/runs/**")
    expect(page.get_by_role("link", name="lineage")).to_be_visible()


def test_costs_are_drawn_by_day(page: Page, platform: Platform) -> None:
    costs = CostWorld(platform.pool)
    for number, experiment in enumerate([EVIL, "letters", "speech"], 1):
        sweep = costs.sweep(f"costs-{'abc'[number - 1] * 8}", experiment=experiment)
        for trial in range(1, 6):
            reason = "script_failed" if trial == 2 else "completed"
            costs.attempt(
                costs.run(sweep, trial), trial * 19, trial * 19 + number * 3, reason=reason
            )
    costs.replace()
    since, until = DAY, DAY + dt.timedelta(days=5)

    open_page(page, platform, f"/cost?since={since}&until={until}&key=loss")

    bars = page.locator("#cost-by-day .barlayer .trace")
    expect(bars).to_have_count(3)
    expect(page.locator("#costs tbody tr")).to_have_count(3)
    expect(page.locator(".legendtext").filter(has_text="<script>")).to_have_count(1)
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "cost.png")
