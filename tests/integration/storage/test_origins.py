"""Where runs come from is written down by the platform, with the runs."""

from dataclasses import replace
from typing import Any

from storage.database import transaction
from storage.datasets.catalog import DatasetCatalog
from storage.deliveries import Receipt
from storage.lineage.origins import Launching
from storage.points.ingest_store import IngestStore
from storage.runs.catalog import RunCatalog
from storage.runs.reruns import RerunStore
from storage.runs.search import RunSearch
from storage.sweeps.trials import PostgresTrialStore
from sweeps.clock import SystemClock
from sweeps.ids import RunId, TenantId
from sweeps.run_filters import parse_filter
from sweeps.runs import ScratchRun
from sweeps.states import RunState
from sweeps.trials import Changes, ConcludedTrial
from tests.contracts.trial_store_contract import two_trials
from tests.factories import SWEEP, a_run_id, a_spec, a_suggestion, a_trial, an_attempt, at
from tests.integration.storage.conftest import PostgresWorld
from tests.integration.storage.test_ingest_store import TENANT, a_delivery, a_scratch_run


def origin_of(world: PostgresWorld, run: str) -> dict[str, Any]:
    return dict(RunCatalog(world.pool).get(RunId(run), tenant_id=TENANT).provenance["origin"])


def test_a_trial_knows_who_asked_for_it_why_and_by_which_rules(world: PostgresWorld) -> None:
    code = {"commit": "c" * 40, "is_dirty": False}
    world.catalog.submit(SWEEP, a_spec(), source_dir="/there", created_by="me", code=code)
    store = PostgresTrialStore(world.pool, launching=Launching(image="r.example/a@sha256:00"))

    store.apply(SWEEP, store.take_over(SWEEP, controller="first"), two_trials())

    origin = origin_of(world, a_run_id(1))
    assert (origin["submitted_by"], origin["owner"]) == ("me", "me")
    assert origin["purpose"] == "To see whether it works."
    assert origin["scheduler"]["name"] == "none"
    assert origin["searcher"]["name"] == "random"
    assert origin["limits"]["max_trials"] == 6
    assert (origin["launcher"], origin["image"]) == ("local", "r.example/a@sha256:00")
    assert origin["code_at_submission"] == code
    assert origin["suggestion"]["number"] == 1


def test_a_trial_in_a_cluster_knows_which_image_it_was_to_run(world: PostgresWorld) -> None:
    spec = a_spec()
    spec = replace(spec, trial=replace(spec.trial, image="r.example/own:1"))
    pinned = "r.example/own:1@sha256:11"
    world.catalog.submit(SWEEP, spec, source_dir="/there", created_by="me", image=pinned)
    launching = Launching(launcher="kubernetes", image="r.example/default:1")
    store = PostgresTrialStore(world.pool, launching=launching)

    store.apply(SWEEP, store.take_over(SWEEP, controller="first"), two_trials())

    assert origin_of(world, a_run_id(1))["image"] == pinned


def test_trials_of_a_sweep_share_one_document(world: PostgresWorld) -> None:
    world.submit(SWEEP, a_spec())
    world.store.apply(SWEEP, world.store.take_over(SWEEP, controller="first"), two_trials())

    with transaction(world.pool) as connection:
        rows = connection.execute(
            "SELECT count(*), count(DISTINCT digest) FROM run_provenance WHERE section = 'origin'"
        ).fetchone()

    assert rows == (2, 1)


def test_a_suggestion_knows_what_its_searcher_had_been_told(world: PostgresWorld) -> None:
    world.submit(SWEEP, a_spec())
    lease = world.store.take_over(SWEEP, controller="first")
    world.store.apply(SWEEP, lease, two_trials())
    world.store.apply(
        SWEEP,
        lease,
        Changes(
            at=at(1),
            concluded=(
                ConcludedTrial(number=2, sequence=3, value=0.5),
                ConcludedTrial(number=1, sequence=5, value=0.5),
            ),
            trials=(
                a_trial(1, state=RunState.COMPLETED, objective=0.5),
                a_trial(2, state=RunState.COMPLETED, objective=0.5),
            ),
        ),
    )
    third = a_suggestion(3, sequence=4, seen_through=3)
    changes = Changes(
        at=at(2), suggestions=(third,), new_trials=(a_trial(3),), new_attempts=(an_attempt(3),)
    )

    world.store.apply(SWEEP, lease, changes)

    suggestion = origin_of(world, a_run_id(3))["suggestion"]
    assert (suggestion["number"], suggestion["seen_through"]) == (3, 3)
    assert (suggestion["results"], suggestion["last_result"]) == (1, a_run_id(2))


def test_a_scratch_run_knows_who_made_it(world: PostgresWorld) -> None:
    run = a_scratch_run(world.pool)

    origin = origin_of(world, run)

    assert (origin["kind"], origin["submitted_by"]) == ("scratch", "me")
    assert "suggestion" not in origin


def test_a_script_cannot_say_where_it_comes_from(world: PostgresWorld) -> None:
    run = a_scratch_run(world.pool)
    forged = {"origin": {"submitted_by": "boss"}, "code": {"commit": None}}
    store = IngestStore(world.pool, clock=SystemClock())

    (receipt,) = store.write([a_delivery(run, provenance=forged)])

    assert isinstance(receipt, Receipt)
    assert [refusal.what for refusal in receipt.refused] == ["the section 'origin'"]
    provenance = RunCatalog(world.pool).get(run, tenant_id=TENANT).provenance
    assert provenance["origin"]["submitted_by"] == "me"
    assert provenance["code"] == {"commit": None}


def a_rerun(world: PostgresWorld, of: RunId, name: str = "scratch-bbbbbbbbbbbb") -> RunId:
    run = ScratchRun(
        run_id=RunId(name), experiment="scratch", owner="you", seed=1, params={}, tags={},
        rerun_of=of, is_queued=True,
    )  # fmt: skip
    RerunStore(world.pool).create(run, tenant_id=TENANT)
    return run.run_id


def test_a_rerun_is_linked_to_what_it_repeats(world: PostgresWorld) -> None:
    run = a_scratch_run(world.pool)

    rerun = a_rerun(world, run)

    record = RunCatalog(world.pool).get(rerun, tenant_id=TENANT)
    assert record.run.rerun_of == run
    assert record.provenance["origin"]["kind"] == "rerun"
    assert record.provenance["origin"]["submitted_by"] == "you"
    assert RerunStore(world.pool).reruns_of(run, tenant_id=TENANT) == [rerun]
    found = RunSearch(world.pool).find(parse_filter(f"rerun_of = {run}"), tenant_id=TENANT)
    assert [row.run_id for row in found] == [rerun]


def test_a_rerun_is_ended_once(world: PostgresWorld) -> None:
    reruns = RerunStore(world.pool)
    run = a_scratch_run(world.pool)
    rerun = a_rerun(world, run)

    reruns.end(rerun, RunState.FAILED, reason="its script crashed")
    reruns.end(rerun, RunState.COMPLETED, reason="")
    reruns.end(run, RunState.FAILED, reason="it is no rerun")

    catalog = RunCatalog(world.pool)
    ended = catalog.get(rerun, tenant_id=TENANT).run
    assert (ended.state, ended.reason) == (RunState.FAILED, "its script crashed")
    assert catalog.get(run, tenant_id=TENANT).run.state is RunState.RUNNING


def test_a_rerun_learns_from_the_same_data(world: PostgresWorld) -> None:
    run = a_scratch_run(world.pool)
    with transaction(world.pool) as connection:
        connection.execute(
            """
            WITH made AS (
                INSERT INTO datasets (tenant_id, name, owner, created_by)
                VALUES ('default', 'digits', 'me', 'me') RETURNING dataset_id
            ), version AS (
                INSERT INTO dataset_versions (
                    dataset_id, number, content_hash, kind, location, manifest, is_stored,
                    file_count, size_bytes, schema, statistics, preprocessing, column_lineage,
                    created_by)
                SELECT dataset_id, 1, sha256('x'), 'files', '/no/such/folder', '{}', false,
                       1, 1, '{}', '{}', '{}', '{}', 'me'
                FROM made RETURNING dataset_id
            )
            INSERT INTO dataset_locations (dataset_id, number, location)
            SELECT dataset_id, 1, '/no/such/folder' FROM version
            """
        )
        connection.execute(
            "INSERT INTO run_datasets (run_id, dataset_id, number)"
            " SELECT %s, dataset_id, 1 FROM datasets",
            [run],
        )

    rerun = a_rerun(world, run)

    (dataset,) = DatasetCatalog(world.pool).of_run(rerun, tenant_id=TenantId("default"))
    assert (str(dataset), dataset.location) == ("digits@1", "/no/such/folder")
