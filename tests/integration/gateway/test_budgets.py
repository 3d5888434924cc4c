"""Budgets over HTTP: a tenant sees its own ones, as JSON and as bars."""

from decimal import Decimal

import httpx

from tests.integration.gateway.browsers import a_browser
from tests.integration.gateway.conftest import TENANT, TOKEN, Platform, bearer

POLICY = """\
budgets:
  - {name: ours-month, tenant: default, period: month, max_cost_usd: 500, max_gpu_hours: 20}
  - {name: theirs, tenant: speech, period: month, max_cost_usd: 7}
  - {name: everybody, period: month, max_cost_usd: 9}
"""


def apply(platform: Platform) -> None:
    with platform.pool.connection() as connection:
        connection.execute(
            "INSERT INTO policies (kind, version, text, sha256, applied_by)"
            " VALUES ('budgets', 1, %s, '', 'me')",
            (POLICY.replace("default", TENANT),),
        )


def test_a_tenant_is_told_where_its_own_budgets_stand(platform: Platform) -> None:
    apply(platform)

    answer = httpx.get(f"{platform.url}/api/v1/budgets", headers=bearer(TOKEN), trust_env=False)

    assert answer.status_code == 200
    (found,) = answer.json()["budgets"]
    assert found["name"] == "ours-month"
    assert Decimal(found["usd"]["left"]) == 500
    assert found["gpu_hours"]["spent"] == 0


def test_a_page_has_a_bar_for_each_limit(platform: Platform) -> None:
    apply(platform)

    text = a_browser(platform, "/budgets").get("/budgets").text

    assert text.count('class="bar"') == 2
    assert "$0.00 of $500.00 spent, $0.00 reserved, $500.00 left" in text
    assert "theirs" not in text
    assert "everybody" not in text


def test_who_is_nobody_sees_nothing(platform: Platform) -> None:
    assert httpx.get(f"{platform.url}/api/v1/budgets", trust_env=False).status_code == 401
