"""Policies on the command line: compared, applied, read as they were."""

import pytest

from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.slow
def test_a_policy_is_compared_applied_and_kept(installation: Installation) -> None:
    folder = installation.folder / "policies"
    folder.mkdir()
    text = installation.run("policy", "show", "prices", "--text")
    (folder / "prices.yaml").write_text(text)
    pinned = installation.run("policy", "diff", "policies", "--check", code=1)
    installation.run("policy", "apply", "policies", "--yes", "-m", "as it ships")
    same = installation.run("policy", "diff", "policies", "--check")
    (folder / "prices.yaml").write_text("gpu: [{usd_per_gpu_hour: 2.5}]\n")
    installation.run("policy", "diff", "policies", "--check", code=1)
    applied = installation.run("policy", "apply", "policies", "--yes", "-m", "ours")
    (folder / "quotas.yaml").write_text("backfill: maybe\n")
    refused = installation.run("policy", "apply", "policies", "--yes", code=1)

    history = installation.json("policy", "history", "prices")["versions"]

    assert "as the default says now" in pinned
    assert same.startswith("same")
    assert "+gpu: [{usd_per_gpu_hour: 2.5}]" in applied
    assert "quotas.yaml:1: backfill: 'maybe' is neither true nor false" in refused
    assert "nothing is applied" in refused
    assert [(row["version"], row["comment"]) for row in history] == [
        (2, "ours"),
        (1, "as it ships"),
    ]
    assert installation.run("policy", "show", "prices", "--version", "0", "--text") == text
