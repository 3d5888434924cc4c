"""The queue over HTTP: as JSON, as a page; and a store without room."""

import datetime as dt

from governance.access import HOME
from governance.quotas.file import QUOTAS
from governance.tenants import TenantDirectory
from storage.policy_store import PolicyStore
from storage.queue.admissions import PostgresAdmissionDesk
from storage.queue.escalations import PostgresEscalations
from storage.runs.reruns import RerunStore
from storage.token_store import TokenStore
from sweeps.ids import AttemptId, RunId, SweepId, TenantId
from sweeps.policies import PolicyChange
from sweeps.rerun_demand import RerunDemand
from sweeps.runs import ScratchRun
from sweeps.specs import Resources
from tests.contracts.admission_desk_contract import gpu_spec
from tests.factories import SWEEP
from tests.integration.gateway.browsers import a_browser, browser_of
from tests.integration.gateway.conftest import Platform, bearer
from tests.integration.gateway.test_artifacts import begin, described


def set_policy(platform: Platform, text: str) -> None:
    policies = PolicyStore(platform.pool)
    before = policies.current(QUOTAS)
    change = PolicyChange(kind=QUOTAS, source="quotas.yaml", before=before, text=text)
    policies.apply([change], by="me", comment="")


def two_waiting(platform: Platform) -> None:
    """Attempts of a sweep for which there is no room."""
    set_policy(platform, "other_tenants: {limits: {gpu: 0, trials: 4}}")
    runs = platform.trials(2)
    names = [AttemptId(f"{run}-a1") for run in runs]
    for name, run in zip(names, runs, strict=True):
        platform.rows(
            "INSERT INTO attempts (attempt_id, run_id, number, created_at)"
            " VALUES (%s, %s, 1, now()) ON CONFLICT DO NOTHING", name, run,
        )  # fmt: skip
    desk = PostgresAdmissionDesk(platform.pool, PolicyStore(platform.pool))
    desk.ask(SWEEP, gpu_spec(), names)


def test_the_queue_is_told_as_json(platform: Platform) -> None:
    two_waiting(platform)

    answer = platform.get("/api/v1/queue").json()

    assert [trial["place"] for trial in answer["waiting"]] == [1, 2]
    assert "tenant default may hold 0 GPUs" in answer["waiting"][0]["reason"]
    assert answer["tenants"][0]["held"]["trials"] == 0


def test_the_queue_is_a_page(platform: Platform) -> None:
    two_waiting(platform)

    answer = platform.get("/queue")

    assert answer.status_code == 200
    assert "tenant default may hold 0 GPUs" in answer.text
    assert '<td class="n">never</td>' in answer.text
    assert "0 of 4 trials" in answer.text
    assert '<svg id="use"' in answer.text


def test_limits_that_stay_in_the_way_are_told_to_their_tenant(platform: Platform) -> None:
    two_waiting(platform)
    escalations = PostgresEscalations(platform.pool, PolicyStore(platform.pool), TenantDirectory)
    now = dt.datetime.now(dt.UTC)
    escalations.notice(now - dt.timedelta(hours=5))
    with escalations.telling(now) as news:
        assert len(news.tellings) == 1
    other = platform.token_of("speech")

    (one,) = platform.get("/api/v1/escalations").json()["escalations"]
    page = platform.get("/queue").text

    assert (one["kind"], one["subject"], one["told"][0]["to"]) == ("never", SWEEP, "owner")
    assert f'<a href="/sweeps/{SWEEP}">no trial of sweep {SWEEP} can start' in page
    assert "`other_tenants.limits.gpu: 1` instead of 0" in page
    assert "as the owner" in page
    assert platform.get("/api/v1/escalations", token=other).json() == {"escalations": []}
    assert "Limits in the way" not in platform.get("/queue", token=other).text


def noticed(platform: Platform) -> str:
    """Address of what acknowledges a violation of the tenant `default`."""
    two_waiting(platform)
    PostgresEscalations(platform.pool, PolicyStore(platform.pool), TenantDirectory).notice(
        dt.datetime.now(dt.UTC)
    )
    (one,) = platform.get("/api/v1/escalations").json()["escalations"]
    return f"/api/v1/escalations/{one['id']}/acknowledgement"


def test_people_of_the_tenant_acknowledge_it_once(platform: Platform) -> None:
    path = noticed(platform)

    def post(token: str, comment: str) -> int:
        return platform.client.post(
            path, json={"comment": comment}, headers=bearer(token)
        ).status_code

    ours = platform.token_of("default")
    assert post(platform.token_of("speech"), "ours now") == 404
    assert post(ours, "  ") == 422
    assert post(ours, "the limit is raised tonight") == 201
    assert post(ours, "again") == 409
    (one,) = platform.get("/api/v1/escalations").json()["escalations"]
    assert one["acknowledged"]["by"] == "somebody"
    assert one["acknowledged"]["comment"] == "the limit is raised tonight"


def test_so_does_the_form_of_the_page_and_no_other_page(platform: Platform) -> None:
    number = noticed(platform).split("/")[4]
    browser = browser_of(platform, "ana")
    form = {"escalation": number, "comment": "soon"}

    assert 'name="escalation"' in browser.get("/queue").text
    theirs = browser.post("/queue", data=form, headers={"Origin": "https://evil.example"})
    assert theirs.status_code == 401
    wrong = browser.post("/queue", data={"escalation": "x"}, headers={"Origin": platform.url})
    assert wrong.status_code == 422
    assert browser.post("/queue", data=form, headers={"Origin": platform.url}).status_code == 303
    page = browser.get("/queue").text
    assert "acknowledged by ana: soon" in page
    assert 'name="escalation"' not in page


def test_who_is_nobody_in_particular_acknowledges_nothing(platform: Platform) -> None:
    path = noticed(platform)
    browser = a_browser(platform, "/queue")
    form = {"escalation": path.split("/")[4], "comment": "soon"}
    origin = {"Origin": platform.url}
    home = TokenStore(platform.pool).create(tenant_id=TenantId("default"), name=HOME)

    answers = [
        browser.post("/queue", data=form, headers=origin),
        browser.post(path, json={"comment": "soon"}, headers=origin),
        platform.client.post(path, json={"comment": "soon"}, headers=bearer(home)),
    ]
    page = browser.get("/queue").text

    for answer in answers:
        assert (answer.status_code, "nobody in particular" in answer.text) == (403, True)
    assert "nobody in particular" in page
    assert 'name="escalation"' not in page
    (one,) = platform.get("/api/v1/escalations").json()["escalations"]
    assert one["acknowledged"] is None


def test_the_page_of_a_sweep_says_what_limit_is_in_its_way(platform: Platform) -> None:
    noticed(platform)
    other = SweepId("digits-bbbbbbbb")
    platform.trials(1, sweep=other)

    page = platform.get(f"/sweeps/{SWEEP}").text

    assert 'id="limited"' in page
    assert f"no trial of sweep {SWEEP} can start" in page
    assert "`other_tenants.limits.gpu: 1` instead of 0" in page
    assert "nobody was told yet" in page
    assert '<a href="/queue#escalations">' in page
    assert 'id="limited"' not in platform.get(f"/sweeps/{other}").text


def test_a_rerun_is_shown_with_what_it_repeats(platform: Platform) -> None:
    set_policy(platform, "other_tenants: {limits: {trials: 0}}")
    run = RunId(platform.scratch()[0])
    made = ScratchRun(
        run_id=RunId("scratch-bbbbbbbbbbbb"), experiment="digits", owner="ana", seed=1, params={},
        tags={}, rerun_of=run, is_queued=True,
    )  # fmt: skip
    attempt = RerunStore(platform.pool).create(made, tenant_id=TenantId("default"))
    demand = RerunDemand(
        repeats=run, tenant_id=TenantId("default"), experiment="digits", owner="ana",
        resources=Resources(),
    )  # fmt: skip
    PostgresAdmissionDesk(platform.pool, PolicyStore(platform.pool)).ask_for_rerun(attempt, demand)

    (waiting,) = platform.get("/api/v1/queue").json()["waiting"]
    page = platform.get("/queue").text

    assert (waiting["sweep_id"], waiting["rerun_of"]) == (None, run)
    assert f'again <a href="/runs/{run}">' in page
    assert platform.get(f"/runs/{made.run_id}").status_code == 200


def test_another_tenant_sees_nothing_of_it(platform: Platform) -> None:
    two_waiting(platform)
    token = platform.token_of("speech")

    assert platform.get("/api/v1/queue", token=token).json()["waiting"] == []
    assert "Nobody waits" in platform.get("/queue", token=token).text


def test_who_is_not_signed_in_is_sent_to_where_that_is_done(platform: Platform) -> None:
    answer = platform.client.get("/queue")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fqueue"


def test_an_upload_without_room_is_refused_with_a_reason(platform: Platform) -> None:
    set_policy(platform, "other_tenants: {limits: {storage: 10}}")
    run, token = platform.scratch()

    answer = begin(platform, run, described(b"x" * 11), token)

    assert answer.status_code == 413
    assert "may have 10 bytes" in answer.json()["error"]
    assert begin(platform, run, described(b"x" * 9), token).status_code == 200


def test_a_sweep_that_can_never_start_is_refused(platform: Platform) -> None:
    body = {
        "source_dir": "/there",
        "spec": {
            "experiment": "digits",
            "owner": "me",
            "purpose": "To see.",
            "objective": {"metric": "score", "direction": "maximize"},
            "space": {"x": {"type": "float", "low": 0, "high": 1}},
            "limits": {"max_trials": 2},
            "trial": {"command": ["true"]},
            "priority": "fast",
        },
    }

    answer = platform.client.post("/api/v1/sweeps", json=body, headers=bearer("swt_of-this-home"))

    assert answer.status_code == 422
    assert "there is no class 'fast'; write one of urgent, high" in answer.json()["error"]
