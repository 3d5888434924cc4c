"""From a tag to production and back: the example of docs/promotion.md, through the daemon."""

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Installation, Ui, wait_for

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("ui"), pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "examples" / "promotion"
CHECKS = """
query($partition: String!) {
  assetNodes(assetKeys: [{path: ["evaluations"]}]) {
    assetChecksOrError { ... on AssetChecks { checks { name
      executionForLatestMaterialization { status evaluation { severity metadataEntries { label } } } } } } }
  assetsOrError { ... on AssetConnection { nodes { key { path }
    assetMaterializations(partitions: [$partition], limit: 1) { metadataEntries { label } } } } }
}"""
RUNS = """
query($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { status } } }
}"""


def git(folder: Path, *arguments: str) -> None:
    name = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


def a_project(installation: Installation) -> Path:
    """The example as somebody has it: in a repository, with its data registered."""
    folder = installation.folder / "promotion"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("data", "__pycache__"))
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "A network that reads digits")
    subprocess.run([sys.executable, "make_data.py"], cwd=folder, check=True, timeout=120)
    for part in ("train", "holdout"):
        installation.run("data", "register", f"digits-{part}", f"promotion/data/{part}.npz")
    return folder


def apply_policy(installation: Installation, folder: Path, *changes: tuple[str, str]) -> None:
    text = (EXAMPLE / "promotion.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder.parent / "promotion.yaml"
    file.write_text(text)
    installation.run("policy", "apply", str(file), "--yes")


def state_of(installation: Installation, run: str) -> str:
    return installation.json("promotion", "show", run)[0]["state"]


def post(installation: Installation, path: str, token: str, body: dict[str, str]) -> int:
    """Status of a request to the gateway."""
    client = json.loads((installation.home / "client.json").read_text())
    request = urllib.request.Request(
        client["gateway_url"] + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as exc:
        return exc.code


def checks_of(ui: Ui, partition: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The newest execution of each gate, and labels of metadata by asset."""
    answer = ui.query(CHECKS, partition=partition)
    (node,) = answer["assetNodes"]
    checks = {
        check["name"]: check["executionForLatestMaterialization"]
        for check in node["assetChecksOrError"]["checks"]
    }
    labels = {
        asset["key"]["path"][-1]: [
            entry["label"]
            for event in asset["assetMaterializations"]
            for entry in event["metadataEntries"]
        ]
        for asset in answer["assetsOrError"]["nodes"]
    }
    return checks, labels


def test_a_tag_becomes_a_model_in_production_and_a_gate_refuses_the_next(
    installation: Installation, ui: Ui
) -> None:
    folder = a_project(installation)
    apply_policy(installation, folder)
    report = installation.json("run", str(folder / "sweep.yaml"), timeout=300)
    assert report["state"] == "completed", report["reason"]
    best = installation.json("best", report["sweep"], "-n", "2")
    first, second = [trial["run"] for trial in best]

    # A tag, and nothing else: the sensor of the daemon sees it.
    installation.run("tag", "production_candidate", first)
    wait_for(lambda: installation.json("promotion", "list"), seconds=120)
    wait_for(lambda: state_of(installation, first) == "promoted", seconds=300, every=2)

    told = installation.json("promotion", "explain", first)
    name = told["evaluation"]["evaluation_id"]
    assert told["exit_code"] == 0
    assert len(told["gates"]) == 10
    assert {gate["verdict"] for gate in told["gates"]} == {"passed"}
    assert [one["seed"] for one in told["measurements"]] == [1, 2, 3]
    assert all(one["metrics"]["accuracy"] > 0.9 for one in told["measurements"])
    version = installation.json("models", "show", "digits", "--alias", "production")["version"]
    assert (version["number"], version["run_id"]) == (1, first)
    assert version["data"] == ["digits-train@1"]
    assert version["inference"]["batch_size"] == 64
    model = installation.folder / "model.joblib"  # a new file in the work tree would be refused
    installation.run("models", "download", "digits", "-o", str(model))
    assert model.stat().st_size == version["size_bytes"]
    checks, labels = checks_of(ui, name)
    assert {check: found["status"] for check, found in checks.items()} == dict.fromkeys(
        (gate["gate"] for gate in told["gates"]), "SUCCEEDED"
    )
    for found in checks.values():
        shown = {entry["label"] for entry in found["evaluation"]["metadataEntries"]}
        assert {"verdict", "criteria", "evidence"} <= shown
    assert {"measurements", "holdout", "rule"} <= set(labels["evaluations"])
    assert {"version", "gates", "sha256"} <= set(labels["model_versions"])
    tags = {"tags": [{"key": "dagster/partition", "value": name}]}
    runs = ui.query(RUNS, filter=tags)["runsOrError"]["results"]
    assert [run["status"] for run in runs] == ["SUCCESS"], "once, however often the sensor looked"

    # The same by a command, and a gate that asks for more than there is.
    apply_policy(installation, folder, ("at_least: 0.9,", "at_least: 0.9999,"))
    refused = installation.run("promote", second, code=3, timeout=300)
    assert "X metrics_reach_thresholds: failed" in refused
    assert "asked is worst >= 0.9999  <- missing" in refused
    explained = installation.run("promotion", "explain", second)
    assert explained.strip() in refused
    assert "compared with version 1" in explained
    installation.run("models", "rollback", "digits", "--reason", "to see", code=1)
    assert len(installation.json("models", "show", "digits")["versions"]) == 1

    # Less is asked for now, but people: the command waits, and a token of their own is their word.
    apply_policy(
        installation,
        folder,
        ("at_least: 0.92,", "at_least: 0.5,"),
        ("margin: 0.02", "margin: 0.5"),
        ("reproducible: {}", "approvals: {count: 1}"),
    )
    waits = installation.run("promotion", "retry", second, code=4, timeout=300)
    assert "? approvals_are_given: waiting" in waits
    for word in (["approve"], ["reject", "-m", "no"]):
        own = installation.run("promotion", *word, second, code=1)
        assert "somebody else has to" in own
    token = installation.run("token", "create", "ben").split()[-1]
    path = f"/api/v1/runs/{second}/evaluation"
    assert post(installation, f"{path}/approvals", token, {"comment": "good"}) == 201
    wait_for(lambda: state_of(installation, second) == "promoted", seconds=200, every=2)
    assert post(installation, f"{path}/rejections", token, {"comment": "no"}) == 409
    moved = installation.json("models", "rollback", "digits", "--reason", "clicks fell")
    assert (moved["from"], moved["version"]) == (2, 1)
    production = installation.json("models", "show", "digits", "--alias", "production")
    assert production["version"]["number"] == 1
