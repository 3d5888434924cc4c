"""Reports in a browser: only one's own tenant's, and nothing of them runs."""

import datetime as dt
from decimal import Decimal

import pytest

from governance.access import Sees
from governance.periods import Period
from governance.reports.composing import compose
from governance.reports.model import Scope
from governance.reports.shelf import Reader
from storage.artifacts.folder import ArtifactFolder
from storage.database import transaction
from storage.reports.shelf import PostgresReportShelf
from storage.token_store import TokenStore
from sweeps.ids import TenantId
from tests.integration.gateway.browsers import a_browser, browser_of
from tests.integration.gateway.conftest import Platform
from tests.unit.governance.reports.world import NOW, WEEK, Told, spent

EVIL = '"><script>alert(1)</script>'


def shelved(
    platform: Platform,
    *,
    tenant: str | None = "default",
    experiment: str = EVIL,
    is_portfolio: bool = False,
) -> int:
    facts = Told(spent_rows=[spent(experiment=experiment, amount_usd=Decimal(1234))])
    report = compose(facts, Scope(tenant=tenant), WEEK, now=NOW, is_portfolio=is_portfolio)
    return shelf_of(platform).put(report, by="ana").report_id


def shelf_of(platform: Platform) -> PostgresReportShelf:
    return PostgresReportShelf(platform.pool, ArtifactFolder(platform.artifacts))


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


def all_kinds(platform: Platform) -> dict[str, int]:
    """Reports of two tenants, of everybody, and portfolios of everybody and of one tenant."""
    return {
        "own": shelved(platform),
        "other": shelved(platform, tenant="vision"),
        "whole": shelved(platform, tenant=None),
        "portfolio": shelved(platform, tenant=None, is_portfolio=True),
        "portfolio of other": shelved(platform, tenant="vision", is_portfolio=True),
    }


@pytest.mark.parametrize(
    ("sees", "readable"),
    [
        (Sees.TENANT, {"own"}),
        (Sees.PORTFOLIO, {"own", "portfolio"}),
        (Sees.ALL, {"own", "other", "whole", "portfolio", "portfolio of other"}),
    ],
)
def test_a_token_opens_what_it_was_made_to_see(
    platform: Platform, sees: Sees, readable: set[str]
) -> None:
    numbers = all_kinds(platform)
    browser = browser_of(platform, "lead", sees=sees)

    listed = browser.get("/reports").text
    pages = {name: browser.get(f"/reports/{number}") for name, number in numbers.items()}
    texts = {name: browser.get(f"/reports/{number}/markdown") for name, number in numbers.items()}

    assert {name for name, answer in pages.items() if answer.status_code == 200} == readable
    assert {name for name, answer in texts.items() if answer.status_code == 200} == readable
    assert {name for name, n in numbers.items() if f'href="/reports/{n}"' in listed} == readable
    assert {one.status_code for one in (*pages.values(), *texts.values())} <= {200, 404}


def test_what_several_tenants_may_not_know_is_not_to_be_seen_by_a_link(platform: Platform) -> None:
    numbers = all_kinds(platform)
    browser = a_browser(platform)  # a session of its own, of no token that sees more

    readable = [name for name, n in numbers.items() if browser.get(f"/reports/{n}").is_success]

    assert readable == ["own"]


def test_a_tenant_that_is_alone_reads_what_is_told_of_everybody(platform: Platform) -> None:
    whole, portfolio = (shelved(platform, tenant=None, is_portfolio=one) for one in (False, True))
    browser = a_browser(platform)
    alone = [browser.get(f"/reports/{n}").status_code for n in (whole, portfolio)]
    TokenStore(platform.pool).create(tenant_id=TenantId("vision"), name="vi")

    together = [browser.get(f"/reports/{n}").status_code for n in (whole, portfolio)]

    assert (alone, together) == ([200, 200], [404, 404])


def test_the_page_of_a_portfolio_names_nobody(platform: Platform) -> None:
    number = shelved(platform, tenant=None, is_portfolio=True)
    shelved(platform, tenant="vision")

    text = browser_of(platform, "lead", sees=Sees.PORTFOLIO).get(f"/reports/{number}").text

    assert "$1,234.00" in text
    assert "script&gt;" not in text  # the experiment's name
    assert "digits-a" not in text


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
    shelf = shelf_of(platform)
    for day in (dt.date(2026, 10, 1), dt.date(2026, 11, 1), dt.date(2026, 9, 1)):
        shelf.put(
            compose(Told(), Scope(tenant="default"), Period.WEEK.span(day), now=NOW), by="ana"
        )

    assert [row.period for row in shelf.list(Reader(tenant="default"))] == [
        "2026-W44",
        "2026-W40",
        "2026-W36",
    ]


def test_pages_are_read_from_the_artifact_store(platform: Platform) -> None:
    number = shelved(platform)
    for path in platform.artifacts.glob("*/??/??/*"):
        path.unlink()
    browser = a_browser(platform)

    answers = [browser.get(f"/reports/{number}"), browser.get(f"/reports/{number}/markdown")]

    assert [answer.status_code for answer in answers] == [410, 410]
    assert "sweepworks report --shelve" in answers[0].text


def test_what_somebody_has_put_in_the_place_of_a_page_is_not_shown(platform: Platform) -> None:
    number = shelved(platform)
    for path in platform.artifacts.glob("*/??/??/*"):
        path.write_text("<body>\n<script>alert(1)</script>\n</body>\n")

    answer = a_browser(platform).get(f"/reports/{number}")

    assert answer.status_code == 410
    assert "<script>alert" not in answer.text


def test_a_report_of_a_version_before_is_read_by_whom_it_is_for(platform: Platform) -> None:
    own, other = shelved(platform), shelved(platform, tenant="vision")
    browser = a_browser(platform)
    before = browser.get(f"/reports/{own}").text
    with transaction(platform.pool) as connection:
        connection.execute("DELETE FROM report_files")
        connection.execute(
            "UPDATE shelved_reports SET html = '<article class=\"report\"><h1>Of before</h1></article>',"
            " markdown = '# Of before'"
        )

    pages = [browser.get(f"/reports/{number}") for number in (own, other)]
    text = browser.get(f"/reports/{own}/markdown").text

    assert [page.status_code for page in pages] == [200, 404]
    assert "<h1>Of before</h1>" in pages[0].text
    assert "Of before" not in before
    assert text == "# Of before"
