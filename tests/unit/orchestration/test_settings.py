from pathlib import Path

import pytest

from orchestration.settings import InvalidSetting, Settings, child_environment, dagster_url

KEY = "ab" * 32


def test_nothing_set_is_the_embedded_mode_in_the_working_directory(tmp_path: Path) -> None:
    settings = Settings.from_environment({}, cwd=tmp_path)

    assert settings.is_embedded
    assert settings.home.folder == tmp_path / ".sweepworks"
    assert settings.artifacts == str(tmp_path / ".sweepworks" / "artifacts")
    assert settings.tenants_file == tmp_path / "tenants.yaml"


def test_relative_paths_are_relative_to_the_working_directory(tmp_path: Path) -> None:
    env = {"SWEEPWORKS_HOME": "h", "SWEEPWORKS_ARTIFACTS": "a", "SWEEPWORKS_TENANTS": "t.yaml"}

    settings = Settings.from_environment(env, cwd=tmp_path)

    assert settings.home.folder == tmp_path / "h"
    assert settings.artifacts == str(tmp_path / "a")
    assert settings.tenants_file == tmp_path / "t.yaml"


def test_a_home_that_is_given_wins_and_brings_its_artifacts(tmp_path: Path) -> None:
    settings = Settings.from_environment({"SWEEPWORKS_HOME": "/other"}, home=tmp_path / "mine")

    assert settings.home.folder == tmp_path / "mine"
    assert settings.artifacts == str(tmp_path / "mine" / "artifacts")


def test_a_url_of_an_object_store_is_kept() -> None:
    settings = Settings.from_environment({"SWEEPWORKS_ARTIFACTS": "s3://bucket/runs/"})

    assert settings.artifacts == "s3://bucket/runs"


def test_what_is_exported_reads_back_the_same(tmp_path: Path) -> None:
    env = {
        "SWEEPWORKS_HOME": str(tmp_path),
        "SWEEPWORKS_DATABASE_URL": "postgresql://u:p@/db?host=%2Fx",
        "SWEEPWORKS_DAGSTER_DATABASE_URL": "postgresql://u:p@/dagster?host=%2Fx",
        "SWEEPWORKS_GATEWAY_URL": "http://127.0.0.1:1/",
        "SWEEPWORKS_PUBLIC_URL": "https://sweepworks.example.org",
        "SWEEPWORKS_TOKEN": "t",
        "SWEEPWORKS_SIGNING_KEY": KEY,
        "SWEEPWORKS_GPUS": "0,1",
        "SWEEPWORKS_IDLE_SECONDS": "2.5",
        "SWEEPWORKS_WEBSERVER_PORT": "3001",
        "SWEEPWORKS_POSTGRES_FOLDER": "/var/lib/x",
        "SWEEPWORKS_SILENT_MINUTES": "30",
        "SWEEPWORKS_SUPERVISED": "1",
        "DAGSTER_HOME": "/d",
    }
    settings = Settings.from_environment(env)

    again = Settings.from_environment(settings.exported(), cwd=Path("/"))

    assert again == settings
    assert not settings.is_embedded
    assert settings.signing_key() == bytes.fromhex(KEY)


def test_secrets_are_not_in_the_repr() -> None:
    settings = Settings.from_environment(
        {
            "SWEEPWORKS_DATABASE_URL": "postgresql://u:hunter2@h/db",
            "SWEEPWORKS_DAGSTER_DATABASE_URL": "postgresql://u:hunter2@h/d",
            "SWEEPWORKS_TOKEN": "hunter2",
            "SWEEPWORKS_SIGNING_KEY": KEY,
        }
    )

    assert "hunter2" not in repr(settings)
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SWEEPWORKS_IDLE_SECONDS", "soon"),
        ("SWEEPWORKS_IDLE_SECONDS", "nan"),
        ("SWEEPWORKS_WEBSERVER_PORT", "70000"),
        ("SWEEPWORKS_SIGNING_KEY", "no hex"),
        ("SWEEPWORKS_SIGNING_KEY", "abcd"),
    ],
)
def test_a_value_without_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment({name: value})

    assert caught.value.name == name


def test_a_signing_key_is_not_quoted_back() -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment({"SWEEPWORKS_SIGNING_KEY": "almost-secret"})

    assert "almost-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://u@/d?host=%2Fx", "postgresql+psycopg2://u@/d?host=%2Fx"),
        ("postgres://u@h/d", "postgresql+psycopg2://u@h/d"),
        ("postgresql+psycopg2://u@h/d", "postgresql+psycopg2://u@h/d"),
    ],
)
def test_dagster_gets_the_driver_it_works_with(given: str, expected: str) -> None:
    assert dagster_url(given) == expected


def test_a_service_does_not_get_the_variables_of_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPWORKS_RUN_TOKEN", "of a trial")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")

    environment = child_environment({"SWEEPWORKS_HOME": "/h"})

    assert environment["SWEEPWORKS_HOME"] == "/h"
    assert environment["SOMETHING_ELSE"] == "kept"
    assert "SWEEPWORKS_RUN_TOKEN" not in environment
