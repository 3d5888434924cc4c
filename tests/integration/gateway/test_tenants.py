"""The inventory of tenants over HTTP: a tenant sees its own entry, a token that sees all sees all."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from governance.access import Sees
from storage.token_store import TokenStore
from sweeps.ids import TenantId
from tests.factories import SWEEP
from tests.integration.gateway.browsers import browser_of
from tests.integration.gateway.conftest import TENANT, Platform, listening
from tests.integration.gateway.test_queue import set_policy
from tests.plugins.postgres import Database

LIMITS = """\
classes: {normal: {value: 1, max_trials: 4}}
tenants: {default: {limits: {gpu: 2}}, speech: {weight: 3}}
"""


@pytest.fixture
def limited(platform: Platform) -> Platform:
    set_policy(platform, LIMITS)
    platform.trials(2)
    return platform


def names(answer: httpx.Response) -> list[str]:
    return [one["name"] for one in answer.json()["tenants"]]


def test_a_tenant_sees_its_own_entry(limited: Platform) -> None:
    (entry,) = limited.get("/api/v1/tenants").json()["tenants"]

    assert (entry["name"], entry["declared"], entry["members"]) == (TENANT, True, None)
    assert [one["sweep_id"] for one in entry["sweeps"]] == [SWEEP]
    assert entry["use"]["limits"] == [{"what": "GPUs", "used": 0, "limit": 2.0}]
    assert entry["retention"]["classes"] == [{"experiments": "*", "retention_class": "standard"}]
    assert entry == limited.get(f"/api/v1/tenants/{TENANT}").json()


def test_of_others_it_learns_nothing(limited: Platform) -> None:
    token = limited.token_of("speech")

    assert names(limited.get("/api/v1/tenants", token=token)) == ["speech"]
    for path in (f"/api/v1/tenants/{TENANT}", f"/tenants/{TENANT}", "/tenants/nobody"):
        assert limited.get(path, token=token).status_code == 404
    assert SWEEP not in limited.get("/tenants", token=token).text


def test_who_sees_everybodys_sees_all(limited: Platform) -> None:
    token = TokenStore(limited.pool).create(
        tenant_id=TenantId("speech"), name="lead", sees=Sees.ALL
    )

    assert names(limited.get("/api/v1/tenants", token=token)) == [TENANT, "speech"]
    assert SWEEP in limited.get(f"/tenants/{TENANT}", token=token).text
    assert limited.get("/tenants/nobody", token=token).status_code == 404


def test_who_sees_the_portfolio_sees_no_names(limited: Platform) -> None:
    token = TokenStore(limited.pool).create(
        tenant_id=TenantId("speech"), name="board", sees=Sees.PORTFOLIO
    )

    assert names(limited.get("/api/v1/tenants", token=token)) == ["speech"]


def test_the_entry_is_a_page(limited: Platform) -> None:
    browser = browser_of(limited, "somebody")

    everybody = browser.get("/tenants").text
    text = browser.get(f"/tenants/{TENANT}").text

    assert f'<a href="/tenants/{TENANT}">' in everybody
    for words in (
        "0 of 2 GPUs", "others: standard", "everybody", "normal, at most 4 trials at a time",
        f'<a href="/sweeps/{SWEEP}">', "submitted",
    ):  # fmt: skip
        assert words in text, words


CLASSES = """\
classes:
  normal: {value: 0}
  urgent: {value: 1, tenants: [default, speech, secret-lab], users: [ana, zoe]}
default_class: normal
"""
FILE = """\
contacts: [{name: platform, channel: "#platform"}]
tenants:
  - {name: default, members: [ana, ben]}
  - {name: speech, members: [zoe], contacts: [{name: lena, email: lena@speech.example}]}
"""


@pytest.fixture
def shared(database: Database, tmp_path: Path) -> Generator[Platform, None, None]:
    """Several tenants, and a class of priority for more than one."""
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text(FILE)
    with listening(database, tmp_path, tenants_file=tenants) as platform:
        set_policy(platform, CLASSES)
        yield platform


def urgent(answer: httpx.Response) -> tuple[list[str], list[str]]:
    """Tenants and users of that class, in the first entry."""
    (_, one) = answer.json()["tenants"][0]["classes"]
    return one["tenants"], one["users"]


def test_of_a_class_for_several_a_tenant_reads_its_own_names(shared: Platform) -> None:
    listed = shared.get("/api/v1/tenants")
    one = shared.get(f"/api/v1/tenants/{TENANT}")
    page = browser_of(shared, "ben").get(f"/tenants/{TENANT}").text

    assert urgent(listed) == ([TENANT, "…"], ["ana", "…"])
    assert one.json() == listed.json()["tenants"][0]
    assert "urgent, for ana and …" in page
    for text in (listed.text, one.text, page):
        for name in ("speech", "secret-lab", "zoe", "lena"):
            assert name not in text, name


def test_who_sees_everybodys_reads_such_a_class_whole(shared: Platform) -> None:
    token = TokenStore(shared.pool).create(tenant_id=TenantId(TENANT), name="lead", sees=Sees.ALL)

    answer = shared.get("/api/v1/tenants", token=token)

    assert urgent(answer) == ([TENANT, "speech", "secret-lab"], ["ana", "zoe"])


def test_where_nobody_else_is_it_is_whole(limited: Platform) -> None:
    set_policy(limited, CLASSES)

    assert urgent(limited.get("/api/v1/tenants")) == (
        [TENANT, "speech", "secret-lab"], ["ana", "zoe"],
    )  # fmt: skip
