"""`sweepworks validate` tells what `submit` would refuse, as far as it can know."""

import dataclasses
import json
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from compute import gpu_models
from governance.features.file import FEATURES
from governance.naming_file import NAMING
from orchestration.cli import policy_command
from orchestration.cli.validate_command import command
from orchestration.home import Home
from orchestration.settings import Settings
from orchestration.this_machine import misfit
from storage.database import open_pool
from storage.policy_store import PolicyStore
from sweeps.policies import PolicyChange
from sweeps.sweep_files import parse_text
from tests.integration.policies import apply_long_ago
from tests.plugins.postgres import Database
from tests.unit.sweeps.sweep_texts import GOOD

MORE_WRONG = "priority: fast\nretention: eternal\n"
WRONG = f"{GOOD}{MORE_WRONG}"
EXPECTED = f"{GOOD}expected_outcome: wider is better\n"
UNBOUNDED = "default: {experiment: {pattern: '(?=d)[a-z]+', example: digits}}\n"
NAMES = "default: {expected_outcome: true}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a home would be; nothing is there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWEEPWORKS_DATABASE_URL", raising=False)
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def installation(
    database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[PolicyStore, None, None]:
    monkeypatch.setenv("SWEEPWORKS_DATABASE_URL", database.url)
    with open_pool(database.url, max_size=1) as pool:
        yield PolicyStore(pool)


def validate(text: str, *options: str) -> Result:
    Path("sweep.yaml").write_text(text)
    return CliRunner().invoke(command, ["sweep.yaml", *options])


def test_without_an_installation_the_defaults_hold_and_nothing_is_made(home: Path) -> None:
    good, wrong = validate(GOOD), validate(WRONG)

    assert good.exit_code == 0, good.output
    assert "not checked" not in good.output
    assert wrong.exit_code == 1
    assert "priority: there is no class 'fast'" in wrong.output
    assert "retention: 'eternal' is none of the classes" in wrong.output
    assert "2 problems" in wrong.output
    assert not home.exists()


def test_what_an_installation_has_decided_counts(installation: PolicyStore) -> None:
    before = installation.current(NAMING)
    change = PolicyChange(kind=NAMING, source="naming.yaml", before=before, text=NAMES)
    text = GOOD + "priority: high\n"
    good = validate(text)
    installation.apply([change], by="me", comment="")
    refused = validate(text.replace("expected_outcome", "# expected_outcome"))

    assert good.exit_code == 0, good.output
    assert refused.exit_code == 1
    assert "expected_outcome: it is missing" in refused.output


def test_what_cannot_be_waited_for_is_told_with_all_that_policies_refuse(
    installation: PolicyStore,
) -> None:
    del installation  # it is there

    result = validate(f"{WRONG}after: [nothing-aaaaaaaa]\n", "--json")

    told = {one["path"]: one for one in json.loads(result.stdout)["problems"]}
    assert {"priority", "retention", "after[0]"} <= set(told)
    assert "there is no sweep 'nothing-aaaaaaaa'" in told["after[0]"]["message"]
    assert told["after[0]"]["line"] == len(WRONG.splitlines()) + 1


def test_what_is_switched_off_is_told_with_who_can_switch_it_on(installation: PolicyStore) -> None:
    text = f"{GOOD}strategy: optuna\n"
    before = installation.current(FEATURES)
    off = "features: {optuna: {on: false, experiments: [digits]}}"
    change = PolicyChange(kind=FEATURES, source="features.yaml", before=before, text=off)
    good = validate(text)
    installation.apply([change], by="ana", comment="")
    refused, other = validate(text), validate(GOOD)

    assert (good.exit_code, refused.exit_code, other.exit_code) == (0, 1, 0), good.output
    assert "strategy: optuna is switched off for experiment digits of tenant default" in (
        refused.output
    )
    assert "write `bayes`, or `random`; or ask ana" in refused.output


def test_names_that_nobody_can_check_keep_nobody_back_and_are_told(
    installation: PolicyStore, database: Database
) -> None:
    assert installation.current(NAMING).left_out == ()
    with open_pool(database.url, max_size=1) as pool:
        apply_long_ago(pool, NAMING, UNBOUNDED)

    result, document = validate(GOOD), json.loads(validate(GOOD, "--json").stdout)
    shown = CliRunner().invoke(policy_command.command, ["show", "naming"])
    told = json.loads(
        CliRunner().invoke(policy_command.command, ["show", "naming", "--json"]).stdout
    )

    assert (result.exit_code, document["valid"]) == (0, True), result.output
    note = "experiment was not checked: the policy naming asks for '(?=d)[a-z]+', and it looks"
    assert f"note: {note}" in result.output
    assert document["warnings"][-1].startswith(note)
    assert "# not gone by any more: default.experiment.pattern: '(?=d)[a-z]+' is no" in shown.stdout
    assert told["left_out"][0].startswith("default.experiment.pattern: ")
    assert UNBOUNDED in shown.stdout


def test_services_that_are_stopped_stay_so_and_that_is_said(home: Path) -> None:
    there = Home(home).databases_file
    there.parent.mkdir(parents=True)
    there.write_text("{}")

    plain, found = validate(WRONG), json.loads(validate(WRONG, "--json").stdout)

    assert plain.exit_code == 0, plain.output
    assert "policies were not checked: the services are not running" in plain.output
    assert found["policies_checked"] is False
    assert "policies were not checked" in found["warnings"][-1]
    assert [one for one in home.rglob("*") if one.is_file()] == [there]


def test_a_database_that_does_not_answer_is_no_mistake_of_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    result = validate(WRONG)

    assert result.exit_code == 0, result.output
    assert "policies were not checked: " in result.output


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of this machine, which the driver calls T4s."""
    monkeypatch.setenv("SWEEPWORKS_GPUS", "0,1")
    fake = SimpleNamespace(describe=lambda: [{"model": "Tesla T4"}])
    monkeypatch.setattr(gpu_models, "open_gpus", lambda *, visible: fake)
    gpu_models._model.cache_clear()


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        ("gpu: 2, gpu_type: t4", None),
        ("gpu: 1, gpu_type: a100", "resources.gpu_type is a100, this machine has Tesla T4"),
        ("gpu: 3", "resources.gpu is 3, this machine has 2"),
        ("gpu: 1, memory: 64Ti", "resources.memory is 70368744177664 bytes, this machine has"),
    ],
)
@pytest.mark.usefixtures("gpus")
def test_what_this_machine_can_never_launch_is_noted_and_valid(
    home: Path, asked: str, note: str | None
) -> None:
    text = GOOD.replace("cpu: 500m, memory: 1Gi, gpu: 1", f"cpu: 100m, {asked}")

    result, document = validate(text), json.loads(validate(text, "--json").stdout)

    assert (result.exit_code, document["valid"]) == (0, True)
    told = [one for one in document["warnings"] if "on this machine" in one]
    assert [note in one for one in told] == ([] if note is None else [True])
    assert ("note: trials would be refused" in result.output) == (note is not None)
    assert not home.exists()


@pytest.mark.usefixtures("home", "gpus")
def test_what_trials_in_a_cluster_ask_for_is_no_matter_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SWEEPWORKS_LAUNCHER", "kubernetes")
    spec = parse_text(GOOD.replace("gpu: 1", "gpu: 8"), source="sweep.yaml")
    settings = Settings.from_environment()
    here = dataclasses.replace(settings, cluster=None)

    assert settings.cluster is not None
    assert misfit(spec, settings) is None
    assert misfit(spec, here) is not None


def write_policy(name: str, text: str) -> None:
    path = Path("governance/policies") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def stopped(home: Path) -> Path:
    """An installation whose services do not run."""
    there = Home(home).databases_file
    there.parent.mkdir(parents=True)
    there.write_text("{}")
    return there


def test_beside_stopped_services_the_files_at_hand_are_gone_by(stopped: Path, home: Path) -> None:
    write_policy("naming.yaml", NAMES)
    good, refused, wrong = validate(EXPECTED), validate(GOOD), validate(f"{EXPECTED}{MORE_WRONG}")
    found = json.loads(validate(EXPECTED, "--json").stdout)

    assert (good.exit_code, refused.exit_code, wrong.exit_code) == (0, 1, 1), good.output
    assert "expected_outcome: it is missing" in refused.output
    assert "2 problems" in wrong.output  # kinds without a file are those that ship
    said = "by the files at hand, governance/policies/naming.yaml, and not by what is applied"
    assert all(said in one.output for one in (good, refused, wrong))
    assert found["policies_checked"] is True
    assert said in found["warnings"][-1]
    assert [one for one in home.rglob("*") if one.is_file()] == [stopped]


def test_without_an_installation_the_files_at_hand_would_hold(home: Path) -> None:
    write_policy("naming.yaml", NAMES)

    refused = validate(GOOD)

    assert refused.exit_code == 1
    assert "expected_outcome: it is missing" in refused.output
    assert "there is no installation yet" in refused.output
    assert not home.exists()


def test_policy_files_with_mistakes_are_no_mistake_of_the_sweep_file(stopped: Path) -> None:
    write_policy("naming.yaml", "default: {outcome: 7}\n")

    result = validate(WRONG)

    assert result.exit_code == 0, result.output
    assert "policies were not checked: the services are not running" in result.output
    assert "governance/policies/naming.yaml:1: " in result.output


@pytest.mark.parametrize(("admission", "code"), [("none", 1), ("kueue", 0)])
def test_what_kueue_admits_is_not_held_to_our_quotas(
    home: Path, monkeypatch: pytest.MonkeyPatch, admission: str, code: int
) -> None:
    write_policy("quotas.yaml", "other_tenants: {limits: {trials: 9, cpu: 0.25}}\n")
    monkeypatch.setenv("SWEEPWORKS_LAUNCHER", "kubernetes")
    monkeypatch.setenv("SWEEPWORKS_K8S_IMAGE", "registry.lan/train:1")
    monkeypatch.setenv("SWEEPWORKS_TENANTS", str(home.parent / "tenants.yaml"))
    quota = "{cpu: 64, memory: 512Gi, gpu: {nvidia.com/gpu: 8}}"
    Path("tenants.yaml").write_text(
        f"tenants:\n  - {{name: default, cluster: {{admission: {admission}, quota: {quota}}}}}\n"
    )

    result = validate(GOOD)

    assert result.exit_code == code, result.output
    assert ("tenant default may hold" in result.output) is bool(code)
