"""A process that knows of no other gateway than the fake one."""

from collections.abc import Generator
from pathlib import Path

import pytest
from sweepworks import start

from tests.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> Generator[FakeGateway, None, None]:
    made = FakeGateway()
    yield made
    made.close()


@pytest.fixture
def trial(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[None, None, None]:
    """The environment of a trial that reports to the fake gateway."""
    for name, value in {
        "SWEEPWORKS_GATEWAY_URL": gateway.url,
        "SWEEPWORKS_RUN_TOKEN": "token",
        "SWEEPWORKS_RUN_ID": "demo-abcdefgh-00001",
        "SWEEPWORKS_ATTEMPT_ID": "demo-abcdefgh-00001-a1",
        "SWEEPWORKS_PARAMS": '{"lr": 0.1, "k": 3}',
        "SWEEPWORKS_SEED": "42",
        "SWEEPWORKS_SPOOL_DIR": str(tmp_path / "spool"),
        "SWEEPWORKS_FLUSH_SECONDS": "0.05",
        "SWEEPWORKS_SYSTEM_SECONDS": "0",  # what comes is what the script logs
        "SWEEPWORKS_PROVENANCE": "off",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(start, "_current", None)
    yield
    monkeypatch.setattr(start, "_current", None)


@pytest.fixture
def scratch(trial: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process outside sweeps that may make runs at the fake gateway."""
    monkeypatch.delenv("SWEEPWORKS_RUN_ID")
    monkeypatch.setenv("SWEEPWORKS_TOKEN", "api")
