"""A script asks where its data is, and that it uses it is on record."""

from pathlib import Path

import pytest
import sweepworks
from sweepworks.data import variable_of
from sweepworks.run import Run

from sweeps import datasets
from tests.fake_gateway import FakeGateway


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPWORKS_FINISH_TIMEOUT", "0.5")


def a_run() -> Run:
    return sweepworks.init()


def test_the_variable_is_the_one_that_the_platform_sets() -> None:
    assert variable_of("iris-eu") == datasets.variable_of("iris-eu")


@pytest.mark.usefixtures("trial")
def test_a_trial_reads_what_its_sweep_has_pinned(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has it on record since the trial was made, and that its script asks for it, once."""
    monkeypatch.setenv("SWEEPWORKS_DATA_DIGITS", str(tmp_path))
    monkeypatch.setenv("SWEEPWORKS_DATASETS", "digits@3")
    gateway.datasets["digits@3"] = ("digits@3", str(tmp_path))
    with a_run() as run:
        assert run.use_dataset("digits") == tmp_path
        assert run.use_dataset("digits@3") == tmp_path

    assert gateway.used == ["digits@3"]


@pytest.mark.usefixtures("trial", "quick")
def test_no_outage_keeps_a_trial_from_what_is_pinned(
    gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DATA_DIGITS", str(tmp_path))
    monkeypatch.setenv("SWEEPWORKS_DATASETS", "digits@3")
    run = a_run()
    gateway.server.socket.close()

    assert run.use_dataset("digits") == tmp_path
    run.finish()

    told = capsys.readouterr().err
    assert told.count("that this script reads digits@3 is not on record") == 1


@pytest.mark.usefixtures("trial", "gateway")
def test_what_is_pinned_and_not_here_is_where_it_was_pinned_unless_the_store_has_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DATA_DIGITS", "/data/digits")
    monkeypatch.setenv("SWEEPWORKS_DATASETS", "digits@3")
    with a_run() as run:
        assert run.use_dataset("digits") == Path("/data/digits")

    assert "not on record" not in capsys.readouterr().err


@pytest.mark.usefixtures("trial")
def test_a_trial_that_wants_another_version_says_so(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DATA_DIGITS", "/data/digits")
    monkeypatch.setenv("SWEEPWORKS_DATASETS", "digits@3")
    gateway.datasets["digits@2"] = ("digits@2", "/data/old")
    with a_run() as run:
        assert run.use_dataset("digits@2") == Path("/data/old")

    assert gateway.used == ["digits@2"]


@pytest.mark.usefixtures("gateway", "trial")
@pytest.mark.parametrize("is_away", [False, True])
def test_a_version_that_cannot_be_had_is_never_another_one(
    monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DATA_DIGITS", "/data/digits")
    monkeypatch.setenv("SWEEPWORKS_DATASETS", "digits@3")
    if is_away:
        monkeypatch.setenv("SWEEPWORKS_GATEWAY_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("SWEEPWORKS_FINISH_TIMEOUT", "0.1")

    with a_run() as run, pytest.raises(LookupError, match="digits@2"):
        run.use_dataset("digits@2")


@pytest.mark.usefixtures("scratch")
def test_a_scratch_run_gets_the_newest_version_and_records_it(gateway: FakeGateway) -> None:
    gateway.datasets["digits"] = ("digits@3", "/data/digits")
    with a_run() as run:
        assert run.use_dataset("digits") == Path("/data/digits")

    assert gateway.used == ["digits"]


@pytest.mark.usefixtures("scratch", "quick")
def test_no_outage_reaches_a_script_that_knows_the_place(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DATA_DIGITS", "/data/digits")
    with a_run() as run:
        gateway.answers = [503]
        assert run.use_dataset("digits") == Path("/data/digits")

    assert "not on record" in capsys.readouterr().err


@pytest.mark.usefixtures("scratch", "quick")
def test_a_gateway_that_is_gone_is_no_reason_to_raise(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DATA_DIGITS", "/data/digits")
    run = a_run()
    gateway.server.socket.close()

    assert run.use_dataset("digits") == Path("/data/digits")
    run.finish()


@pytest.mark.usefixtures("scratch")
def test_what_nobody_knows_is_said_with_a_way_out(gateway: FakeGateway) -> None:
    with a_run() as run, pytest.raises(LookupError, match="set SWEEPWORKS_DATA_DIGITS"):
        run.use_dataset("digits")


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_without_a_gateway_the_place_is_in_the_environment(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("SWEEPWORKS_MODE", mode)
    monkeypatch.setenv("SWEEPWORKS_DATA_IRIS_EU", "/data/iris")
    with a_run() as run:
        assert run.use_dataset("iris-eu") == Path("/data/iris")

    assert gateway.used == []


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("name", ["", "Digits", "../x", "a/b", "digits@x"])
def test_what_names_no_dataset_is_an_error(name: str) -> None:
    with a_run() as run, pytest.raises(ValueError, match="names no dataset"):
        run.use_dataset(name)
