"""The benchmark of launching runs, and counts what the server counts."""

import json
import sys
from typing import Any

import pytest

from benchmarks import launch, postgres
from benchmarks.launch import allowed


def test_a_small_run_has_every_figure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, postgres_server: str
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv(postgres.DSN, postgres_server)
    words = ["--trials", "12", "--live", "6", "--seconds", "0.5"]
    monkeypatch.setattr(sys, "argv", ["launch", "--json", *words])

    launch.main()

    figures: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    asked = {what: one["requests"] for what, one in figures["requests"].items()}
    counted = figures["requests_counted_by_the_server"]
    assert asked == {what: n for what, n in counted.items() if n}
    assert asked["create jobs"] == figures["pod_ends_known_to_the_millisecond"] == 12
    assert figures["requests_per_tick"]["max"] <= 3
    assert figures["requests"]["watch pods"]["bytes"] > 0
    assert figures["live_most"] <= 6
    assert figures["pod_end_to_outcome_ms"]["p50"] > 0
    assert len(figures["goals"]) == 3


def test_what_the_rate_allows_is_a_burst_and_then_one_after_the_other() -> None:
    found = allowed([0.0] * 6 + [10.0], rate=8)

    assert found == pytest.approx([0, 0, 0, 0, 0.125, 0.25, 10.0], abs=0.01)
