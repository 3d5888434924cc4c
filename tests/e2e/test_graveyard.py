"""What people say about sweeps, and what sweeps have shown, on the command line."""

import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@pytest.mark.slow
def test_a_sweep_is_tagged_summed_up_and_told_of(installation: Installation) -> None:
    file = installation.write_sweep("buried", trials=4, epochs=2, seconds=0.05)
    sweep = installation.json("run", str(file))["sweep"]
    best, *others = [run["run"] for run in installation.json("best", sweep, "-n", "4")]

    installation.run("tag", "keeper", best, sweep)
    installation.run("tag", "baseline", best)
    moved = installation.json("tag", "baseline", others[0])
    installation.run("note", sweep, "mind the stripes of zebras")
    installation.run("link", sweep, "VIS-123")
    refused = installation.run("link", sweep, "javascript:alert(1)", code=1)
    shown = installation.json("show", sweep)
    kept = installation.json("list", "--where", f"tag = keeper and sweep = {sweep}")
    page = installation.run("graveyard", "show", sweep)
    found = installation.json("graveyard", "search", "zebra", "stripes")
    installation.run("graveyard", "confirm", sweep, "--takeaway", "Stripes suffice.")
    again = installation.json("graveyard", "show", sweep)
    second = installation.json("submit", str(file))

    assert moved["done"][0]["moved_from"] == [best]
    assert "https://" in refused
    assert shown["tags"] == {"keeper": ""}
    assert [note["text"] for note in shown["notes"]] == ["mind the stripes of zebras"]
    assert [link["target"] for link in shown["links"]] == ["VIS-123"]
    assert [run["run_id"] for run in kept] == [best]
    assert "## What worked" in page
    assert "mind the stripes" in page
    assert [entry["sweep_id"] for entry in found] == [sweep]
    assert again["takeaway"] == "Stripes suffice."
    assert again["version"] > found[0]["version"]
    (alike,) = second["resembles"]
    assert (alike["sweep_id"], alike["overlap"]) == (sweep, 1.0)
    assert alike["takeaway"] == "Stripes suffice."
    installation.run("cancel", second["sweep"])


@pytest.mark.slow
def test_a_submission_that_does_not_comply_is_told_all_of_it(
    installation: Installation,
) -> None:
    file = installation.write_sweep("strict", trials=1, epochs=1, seconds=0.05)
    rules = installation.folder / "naming.yaml"
    rules.write_text(
        'default: {experiment: {pattern: "vision-.*", example: vision-digits},'
        " purpose: {min_length: 500}, tags: [{name: team}]}\n"
    )
    installation.run("policy", "apply", str(rules), "--yes")
    try:
        told = installation.run("submit", str(file), code=1)
    finally:
        rules.write_text("default: {}\n")
        installation.run("policy", "apply", str(rules), "--yes")

    assert f"{file}:" in told  # with its line
    for word in ("vision-digits", "500", "add team"):
        assert word in told
