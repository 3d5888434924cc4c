"""Sweeps that wait for others over HTTP: submitted, refused, shown on both ends, started."""

from typing import Any

from storage.sweeps.claims import SweepClaims
from sweeps.ids import SweepId
from sweeps.specs import as_document
from tests.factories import HERE, a_spec
from tests.integration.gateway.conftest import Platform, bearer
from tests.integration.gateway.test_submissions import submit


def submitted(platform: Platform, *after: str | dict[str, str]) -> SweepId:
    answer = submit(platform, after=list(after))
    assert answer.status_code == 201, answer.text
    return SweepId(answer.json()["sweep"])


def steer(platform: Platform, sweep: SweepId, request: str) -> None:
    answer = platform.client.post(
        f"/api/v1/sweeps/{sweep}/requests",
        json={"request": request},
        headers=bearer(platform.token_of("default")),
    )
    assert answer.status_code == 202, answer.text


def test_a_submission_says_what_it_waits_for_and_both_ends_show_it(platform: Platform) -> None:
    first = submitted(platform)

    answer = submit(platform, after=[first])

    expected: dict[str, Any] = {"sweep": first, "ended": "succeeded", "state": "submitted"}
    assert answer.json()["waits_for"] == [{**expected, "is_met": False}]
    second = answer.json()["sweep"]
    shown = platform.get(f"/api/v1/sweeps/{second}").json()
    assert shown["waits_for"] == answer.json()["waits_for"]
    assert shown["spec"]["after"] == [{"sweep": first, "ended": "succeeded"}]
    other = platform.get(f"/api/v1/sweeps/{first}").json()
    assert [wait["sweep"] for wait in other["awaited_by"]] == [second]
    listed = {row["sweep_id"]: row for row in platform.get("/api/v1/sweeps").json()["sweeps"]}
    assert [wait["sweep"] for wait in listed[second]["waits_for"]] == [first]
    assert listed[first]["waits_for"] == []


def test_pages_link_both_ends(platform: Platform) -> None:
    first = submitted(platform)
    second = submitted(platform, first)

    waiting, awaited = (platform.get(f"/sweeps/{name}").text for name in (second, first))

    assert f'Waits for <a href="/sweeps/{first}">' in waiting
    assert f'Others wait for it: <a href="/sweeps/{second}">' in awaited
    assert (
        f'<small>waits for <a href="/sweeps/{first}">' in platform.get("/experiments/digits").text
    )
    steer(platform, second, "pause")
    assert "paused: does not start before it is resumed" in platform.get(f"/sweeps/{second}").text


def test_the_queue_has_sweeps_that_wait_for_others(platform: Platform) -> None:
    first = submitted(platform)
    second = submitted(platform, {"sweep": first, "ended": "any"})

    answer, page = platform.get("/api/v1/queue").json(), platform.get("/queue").text

    (waiting,) = answer["sweeps"]
    assert (waiting["sweep_id"], waiting["is_paused"]) == (second, False)
    assert [(wait["sweep"], wait["ended"]) for wait in waiting["waits_for"]] == [(first, "any")]
    assert f'<a href="/sweeps/{first}">' in page


def test_what_cannot_be_waited_for_is_refused_with_all_else_and_nothing_is_written(
    platform: Platform,
) -> None:
    ended = submitted(platform)
    steer(platform, ended, "cancel")

    answer = submit(platform, after=[ended, "nothing-aaaaaaaa"], priority="fast")

    assert answer.status_code == 422, answer.text
    assert f"{ended} has ended already: cancelled" in answer.text
    assert "there is no sweep 'nothing-aaaaaaaa'" in answer.text
    assert "there is no class 'fast'" in answer.text
    assert platform.rows("SELECT count(*) FROM sweeps") == [(1,)]


def test_a_sweep_of_another_tenant_reads_as_unknown(platform: Platform) -> None:
    hidden = SweepId("hidden-aaaaaaaa")
    platform.trials(1, tenant="vision", sweep=hidden)

    answer = submit(platform, after=[hidden])

    assert answer.status_code == 422, answer.text
    assert f"there is no sweep '{hidden}'" in answer.text


def test_whoever_starts_sweeps_finds_it_once_the_other_has_ended(platform: Platform) -> None:
    claims = SweepClaims(platform.pool, place=HERE)
    first = submitted(platform)
    second = submitted(platform, {"sweep": first, "ended": "any"})
    third = submitted(platform, first)
    assert claims.unclaimed() == (first,)

    steer(platform, first, "cancel")

    assert claims.unclaimed() == (second,)
    failed = platform.get(f"/api/v1/sweeps/{third}").json()
    assert failed["state"] == "failed"
    assert failed["reason"].startswith(f"waited for {first} to succeed, which was cancelled")


def test_the_stored_form_can_be_submitted_again(platform: Platform) -> None:
    first = submitted(platform)
    second = submitted(platform, first)
    spec = platform.get(f"/api/v1/sweeps/{second}").json()["spec"]

    again = submit(platform, **{key: spec[key] for key in as_document(a_spec()) if key != "tenant"})

    assert again.status_code == 201, again.text
    assert [wait["sweep"] for wait in again.json()["waits_for"]] == [first]
