"""Runs found and laid side by side on the command line, and the link to their page."""

from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def sweep(installation: Installation) -> str:
    file = installation.write_sweep("compared", trials=3, epochs=3, seconds=0.05)
    return installation.json("run", str(file))["sweep"]


def runs_of(installation: Installation, *arguments: str) -> list[dict[str, Any]]:
    return installation.json("list", *arguments)


@pytest.mark.slow
def test_runs_are_found_by_what_they_are(installation: Installation, sweep: str) -> None:
    everything = runs_of(installation, "--where", f"sweep = {sweep}", "--sort", "-objective")
    some = runs_of(installation, "--where", f"sweep = {sweep} and trial >= 2 and not trial = 3")
    wrong = installation.run("list", "--where", "trial >", code=1)

    assert [run["state"] for run in everything] == ["completed"] * 3
    objectives = [run["objective"] for run in everything]
    assert objectives == sorted(objectives, reverse=True)
    assert [run["number"] for run in some] == [2]
    assert "column 8: a value was expected" in wrong
    assert f"{sweep}-00001" in installation.run("list", "--runs")


@pytest.mark.slow
def test_runs_and_sweeps_are_compared(installation: Installation, sweep: str) -> None:
    best = installation.json("best", sweep)[0]["run"]
    other = next(run for run in (f"{sweep}-0000{n}" for n in (1, 2, 3)) if run != best)

    document = installation.json("compare", sweep, other, "--open")
    text = installation.run("compare", sweep, other, "--all")

    assert [run["run"] for run in document["runs"]] == [best, other]
    assert all(row["differs"] for row in document["params"].values())
    assert document["params"]
    assert best in text
    assert "parameter" in text
    with httpx.Client(trust_env=False) as browser:
        opened = browser.get(document["link"])
        page = browser.get(document["link"].split("/open")[0] + f"/runs/{best}")
        again = httpx.get(document["link"], trust_env=False)
    assert (opened.status_code, page.status_code, again.status_code) == (200, 200, 401)
    assert "nobody-knows" in installation.run("compare", "nobody-knows", code=1)
