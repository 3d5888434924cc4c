"""Where a trial came from, whether it can be made again, and checks, on the command line."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture(scope="module")
def sweep(installation: Installation) -> str:
    file = installation.write_sweep("traced", trials=2, epochs=2, seconds=0.05)
    train = file.parent / "train.py"
    train.write_text(
        train.read_text(encoding="utf-8").replace(
            "run.finish()",
            "open('m.bin', 'w').write('weights')\nrun.log_artifact('m.bin', type='model')\nrun.finish()",
        ),
        encoding="utf-8",
    )
    return installation.json("run", str(file))["sweep"]


def test_a_file_leads_to_the_code_of_its_run(installation: Installation, sweep: str) -> None:
    run = f"{sweep}-00001"

    document = installation.json("lineage", f"{run}/m.bin")
    text = installation.run("lineage", run, "--down")
    dot = installation.run("lineage", run, "--dot")
    missing = installation.run("lineage", "model:nothing@1", code=1)
    impossible = installation.run("lineage", "a//b", code=1)

    assert [document["node"], f"run:{run}"] == [node["node"] for node in document["nodes"]][:2]
    (facts,) = [node["facts"] for node in document["nodes"] if node["kind"] == "run"]
    assert facts["has_code"] is True
    assert f"run {run}  completed" in text
    assert f"└─ artifact {run}/" in text
    assert f'"run:{run}" -> "artifact:{run}/m.bin";' in dot
    assert "there is no model 'nothing@1'" in missing
    assert "names nothing" in impossible


@pytest.mark.slow
def test_checks_end_with_1_when_they_find_something(installation: Installation, sweep: str) -> None:
    found = installation.run("check", "--sweep", sweep, "--json", code=1)
    good = installation.run("check", "--sweep", sweep, "--only", "no_edge_dangles")
    bytes_are_there = installation.json(
        "check", "--sweep", sweep, "--only", "every_artifact_has_its_bytes", "--sample", "1"
    )

    reports: dict[str, Any] = {r["check"]: r for r in json.loads(found[found.index("[") :])}
    runs = reports["every_finished_run_is_captured"]
    assert (runs["passed"], runs["looked_at"]) == (False, 2)
    assert "its seeds were not set" in {finding["problem"] for finding in runs["findings"]}
    assert [name for name, report in reports.items() if not report["passed"]] == [runs["check"]]
    assert "no edge dangles: good" in good
    assert bytes_are_there[0]["hashed"] == 1
    for nothing in ("nobody-knows", "No Name"):
        assert "there is no sweep" in installation.run("check", "--sweep", nothing, code=1)


@pytest.mark.slow
def test_shares_of_a_sweep_are_told(installation: Installation, sweep: str) -> None:
    document = installation.json("reproducibility", sweep, "--by", "day")
    text = installation.run("reproducibility", sweep)

    assert (document["runs"], document["unseeded"], document["captured_share"]) == (2, 2, 0.0)
    assert len(document["periods"]) == 1
    assert "unseeded\t2\t100%" in text
    assert "there is no sweep" in installation.run("reproducibility", "nobody-knows", code=1)
