"""Reports in a browser: only one's own tenant's, and nothing of them runs."""

import datetime as dt
from decimal import Decimal

import pytest

from governance.periods import Period
from governance.reports.composing import compose
from governance.reports.model import Scope
from storage.reports.shelf import PostgresReportShelf
from storage.token_store import TokenStore
from sweeps.ids import TenantId
from tests.integration.gateway.browsers import a_browser
from tests.integration.gateway.conftest import Platform
from tests.unit.governance.reports.world import NOW, WEEK, Told, spent

EVIL = '"><script>alert(1)</script>'


def shelved(platform: Platform, *, tenant: str | None = "default", experiment: str = EVIL) -> int:
    facts = Told(spent_rows=[spent(experiment=experiment, amount_usd=Decimal(1234))])
    report = compose(facts, Scope(tenant=tenant), WEEK, now=NOW)
    return PostgresReportShelf(platform.pool).put(report, by="ana")


def test_reports_are_listed_and_read(platform: Platform) -> None:
    number = shelved(platform)
    browser = a_browser(platform)

    listed, read = browser.get("/reports"), browser.get(f"/reports/{number}")

    assert (listed.status_code, read.status_code) == (200, 200)
    assert "2026-W47" in listed.text
    assert "$1,234.00" in listed.text
    assert "Cost by experiment" in read.text
    assert "script-src 'self'" in read.headers["content-security-policy"]
    assert read.headers["cache-control"] == "no-store"


def test_names_in_a_report_are_nothing_but_words(platform: Platform) -> None:
    number = shelved(platform)

    text = a_browser(platform).get(f"/reports/{number}").text

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_report_is_had_as_markdown(platform: Platform) -> None:
    number = shelved(platform)

    answer = a_browser(platform).get(f"/reports/{number}/markdown")

    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text.startswith("# Report 2026")


def test_another_tenants_reports_and_everybodys_are_not_to_be_seen(platform: Platform) -> None:
    others, everybodys = shelved(platform, tenant="vision"), shelved(platform, tenant=None)
    browser = a_browser(platform)

    assert "2026-W47" not in browser.get("/reports").text
    for number in (others, everybodys):
        assert browser.get(f"/reports/{number}").status_code == 404
        assert browser.get(f"/reports/{number}/markdown").status_code == 404
    token = TokenStore(platform.pool).create(tenant_id=TenantId("vision"), name="vi")
    assert platform.get(f"/reports/{others}", token=token).status_code == 200
    assert platform.get(f"/reports/{everybodys}", token=token).status_code == 404


@pytest.mark.parametrize("number", ["0", "999999", "x", "-1", "9" * 40, "1.5", "%00", "\u0661"])
def test_what_is_no_report_is_not_found(platform: Platform, number: str) -> None:
    assert a_browser(platform).get(f"/reports/{number}").status_code == 404


def test_who_is_not_signed_in_is_asked_to(platform: Platform) -> None:
    answer = platform.client.get("/reports")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Freports")


def test_a_report_made_again_takes_the_place_of_the_first(platform: Platform) -> None:
    first = shelved(platform, experiment="firstly")
    second = shelved(platform, experiment="secondly")

    assert first == second
    text = a_browser(platform).get(f"/reports/{first}").text
    assert "secondly" in text
    assert "firstly" not in text


def test_reports_of_several_periods_come_newest_first(platform: Platform) -> None:
    shelf = PostgresReportShelf(platform.pool)
    for day in (dt.date(2026, 10, 1), dt.date(2026, 11, 1), dt.date(2026, 9, 1)):
        shelf.put(
            compose(Told(), Scope(tenant="default"), Period.WEEK.span(day), now=NOW), by="ana"
        )

    assert [row.period for row in shelf.list(tenant_id="default")] == [
        "2026-W44",
        "2026-W40",
        "2026-W36",
    ]
