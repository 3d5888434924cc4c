"""Policies over HTTP: as JSON, and as pages."""

from pathlib import Path

import pytest
import yaml

from gateway.html import _PLACES  # pyright: ignore[reportPrivateUsage]
from governance.cost.price_file import PRICES
from governance.features.file import FEATURES
from governance.quotas.file import QUOTAS
from storage.policy_catalog import KINDS
from storage.policy_store import PolicyStore
from sweeps.policies import PolicyChange
from sweeps.sweep_files.yaml_documents import read_yaml
from tests.integration.gateway.conftest import TOKEN, Platform, listening
from tests.integration.policies import apply
from tests.plugins.postgres import Database

_TEXT = """\
# <script>alert(1)</script>
gpu: [{usd_per_gpu_hour: 2.5}]
"""


@pytest.fixture
def applied(platform: Platform) -> Platform:
    store = PolicyStore(platform.pool)
    change = PolicyChange(kind=PRICES, source="x", before=store.current(PRICES), text=_TEXT)
    store.apply([change], by="ana", comment="<b>dearer</b>")
    return platform


def test_everybody_signed_in_reads_which_version_holds(applied: Platform) -> None:
    rows = {row["kind"]: row for row in applied.get("/api/v1/policies").json()["policies"]}

    assert set(rows) == set(KINDS)
    assert (rows["prices"]["version"], rows["prices"]["applied_by"]) == (1, "ana")
    assert rows["quotas"]["version"] == 0


def test_a_policy_is_read_as_it_is_and_as_it_was(applied: Platform) -> None:
    now = applied.get("/api/v1/policies/prices").json()
    before = applied.get("/api/v1/policies/prices?version=0").json()

    assert now["text"] == _TEXT
    assert [row["version"] for row in now["history"]] == [1]
    assert before["text"] == PolicyStore(applied.pool).at(PRICES, 0).text


@pytest.mark.parametrize("path", ["dragons", "prices?version=9"])
def test_what_is_not_there_is_not_found(applied: Platform, path: str) -> None:
    assert applied.get(f"/api/v1/policies/{path}").status_code == 404


def test_without_a_token_nothing_is_told(applied: Platform) -> None:
    answer = applied.client.get("/api/v1/policies/prices")

    assert answer.status_code == 401
    assert "2.5" not in answer.text


def test_where_there_are_others_each_reads_its_own_part(database: Database, tmp_path: Path) -> None:
    text = """# speech pays more
classes: {urgent: {value: 1, tenants: [default, speech], users: [ana, bob]}, normal: {value: 0}}
default_class: normal
tenants: {default: {weight: 2}, speech: {weight: 9}}
"""
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text("tenants: [{name: default, members: [ana]}, {name: speech}]")

    with listening(database, tmp_path, tenants_file=tenants) as platform:
        store = PolicyStore(platform.pool)
        change = PolicyChange(kind=QUOTAS, source="x", before=store.current(QUOTAS), text=text)
        store.apply([change], by="ana", comment="for speech")
        answer = platform.get("/api/v1/policies/quotas")

    assert answer.json()["is_whole"] is False
    assert "weight: 2" in answer.json()["text"]
    assert "speech" not in answer.text
    assert "bob" not in answer.text
    urgent = yaml.safe_load(answer.json()["text"])["classes"]["urgent"]
    assert (urgent["tenants"], urgent["users"]) == (["default", "…"], ["ana", "…"])


def test_of_a_feature_each_reads_whether_it_is_about_it(database: Database, tmp_path: Path) -> None:
    text = """features:
  bohb: {on: true, tenants: [speech], experiments: ["hush-*"]}
  optuna: {on: false, tenants: [default, speech]}
"""
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text("tenants: [{name: default}, {name: speech}]")

    with listening(database, tmp_path, tenants_file=tenants) as platform:
        apply(platform.pool, FEATURES, text)
        answer = platform.get("/api/v1/policies/features")
        page = _signed_in(platform).client.get("/policies/features").text

    told = read_yaml(answer.json()["text"], source="features").value
    assert told == {
        "features": {
            "bohb": {"on": True, "tenants": ["…"], "experiments": ["…"]},
            "optuna": {"on": False, "tenants": ["default", "…"]},
        }
    }
    assert "optuna" in page
    assert all(word not in answer.text + page for word in ("speech", "hush"))


def _signed_in(platform: Platform) -> Platform:
    headers = {"Origin": platform.url}
    assert platform.client.post("/login", data={"token": TOKEN}, headers=headers).status_code == 303
    return platform


def test_pages_show_a_policy_and_its_history_as_text(applied: Platform) -> None:
    platform = _signed_in(applied)

    page = platform.client.get("/policies/prices").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>dearer</b>" not in page
    assert 'href="/policies/prices?version=1"' in page
    assert 'href="/policies/prices"' in platform.client.get("/policies").text


@pytest.mark.parametrize("path", _PLACES.values())
def test_every_place_of_the_menu_is_there_once_signed_in(platform: Platform, path: str) -> None:
    asked = platform.client.get(path, follow_redirects=False)
    assert (asked.status_code, asked.headers["location"].partition("?")[0]) == (303, "/login")

    answer = _signed_in(platform).client.get(path)

    assert answer.status_code == 200
    assert f'href="{path}"' in answer.text
