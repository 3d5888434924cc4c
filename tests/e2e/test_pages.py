"""What a person sees in Dagster's UI, in a real browser; pictures go to tests/.output."""

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.conftest import Installation, Ui

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("ui")]

PICTURES = Path(__file__).parents[1] / ".output"
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Generator[Page, None, None]:
    program = shutil.which("chromium")
    assert program is not None, "apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser.new_page(viewport={"width": 1400, "height": 1300})
        browser.close()


@pytest.fixture(scope="module")
def sweep(installation: Installation) -> str:
    file = installation.write_sweep("pictured", trials=12, epochs=3, seconds=0.05)
    return installation.json("run", str(file))["sweep"]


def test_the_partition_of_a_sweep_shows_its_result(page: Page, ui: Ui, sweep: str) -> None:
    page.goto(f"{ui.url}/assets/sweep?view=partitions&partition={sweep}")

    expect(page.get_by_text("best_configuration").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("leaderboard").first).to_be_visible()
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "partition.png")
    page.get_by_text("Show Markdown").first.click()
    plot = page.locator("img[alt='objective by trial']").first
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.naturalWidth") > 0
    page.wait_for_timeout(500)  # the dialog slides in
    page.screenshot(path=PICTURES / "plot.png")
    page.keyboard.press("Escape")


def test_the_run_shows_its_three_steps(
    page: Page, ui: Ui, sweep: str, installation: Installation
) -> None:
    run = installation.json("show", sweep)["dagster_run"]

    page.goto(f"{ui.url}/runs/{run}")

    for step in ("plan_sweep", "run_trials", "materialize_metrics"):
        expect(page.get_by_text(step).first).to_be_visible(timeout=60_000)
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "run.png")


def test_the_launchpad_asks_for_a_sweep(page: Page, ui: Ui) -> None:
    page.goto(f"{ui.url}/locations/sweepworks/jobs/register_sweep/playground")

    expect(page.get_by_text("sweep_file").first).to_be_visible(timeout=60_000)
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "launchpad.png")
