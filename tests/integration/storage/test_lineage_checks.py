"""What is wrong in the database or the store is found and named, and nothing else is."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.lineage.rules import Check, CheckReport, Sample, Scope
from retention.sealing import SealingRule
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, transaction
from storage.lineage import checks as lineage_checks
from storage.lineage.checks import PostgresLineageChecks
from storage.lineage.graph import LineageStore
from storage.runs.upkeep import RunUpkeep
from storage.sweeps.catalog import SweepCatalog
from sweeps.ids import SweepId, TenantId
from sweeps.lineage import Edge, Node
from tests.factories import SWEEP, a_spec
from tests.integration.storage.lineage_world import CODE, TENANT, LineageWorld

Look = Callable[..., CheckReport]


@pytest.fixture
def world(pool: Pool, tmp_path: Path) -> LineageWorld:
    return LineageWorld(pool, ArtifactFolder(tmp_path / "artifacts"))


@pytest.fixture
def checks(pool: Pool, world: LineageWorld) -> PostgresLineageChecks:
    return PostgresLineageChecks(pool, lambda: world.store)


@pytest.fixture
def look(checks: PostgresLineageChecks) -> Look:
    def look(check: Check, *, files: int = 20, seed: str = "", **scope: object) -> CheckReport:
        return checks.look(check, Scope(**scope), sample=Sample(files=files, seed=seed))  # pyright: ignore[reportArgumentType]

    return look


def objects(report: CheckReport) -> list[str]:
    assert report.n_findings == len(report.findings)
    return [finding.object for finding in report.findings]


def in_sweep(world: LineageWorld, run: str, sweep: SweepId = SWEEP) -> None:
    """Give a run to a sweep, as if it had been a trial from the beginning."""
    SweepCatalog(world.pool).submit(sweep, a_spec(), source_dir="/there", created_by="me")
    world.rows("UPDATE runs SET sweep_id = %s, number = 1 WHERE run_id = %s", sweep, run)


def test_a_whole_record_passes_all_checks(
    world: LineageWorld, checks: PostgresLineageChecks, look: Look
) -> None:
    run = world.whole_run()
    world.artifact(run)
    LineageStore(world.pool).add(
        [Edge(Node(f"artifact:{run}/model.pt"), Node("model:m@1"))], tenant_id=TENANT
    )
    world.end(run)
    checks.record_digests()

    reports = [look(check) for check in Check]

    assert [objects(report) for report in reports] == [[]] * 5
    assert [report.looked_at for report in reports] == [1, 1, 3, 1, 1]


def test_finished_runs_are_looked_at_and_no_others(world: LineageWorld, look: Look) -> None:
    bare, live, failed = world.run(), world.run(), world.run()
    seedless = world.whole_run(seeds=None)
    for run in (bare, seedless):
        world.end(run)
    world.end(failed, state="failed")

    report = look(Check.RUNS)

    assert report.looked_at == 2
    assert objects(report) == [f"run:{bare}"] * 4 + [f"run:{seedless}"]
    assert live not in str(report.findings)


def test_documents_of_another_form_spoil_nothing(world: LineageWorld, look: Look) -> None:
    odd = {
        "commit": ["x"],
        "is_dirty": "maybe",
        "is_whole": 3,
        "left_out": "no list",
        "script": "s",
    }
    run = world.whole_run(code=odd, software={"image": {"name": 1}})
    world.end(run)

    assert look(Check.RUNS).looked_at == 1


def test_what_a_later_attempt_says_counts(world: LineageWorld, look: Look) -> None:
    run = world.whole_run(code={**CODE, "is_whole": False, "left_out": ["a submodule"]})
    assert objects_after_end(world, run, look) == [f"run:{run}"]
    again = world.whole_run(code={**CODE, "is_whole": False})
    world.rows("INSERT INTO provenance_documents VALUES ('new', '{\"is_whole\": true}')")
    world.rows(
        "INSERT INTO run_provenance (run_id, attempt_id, section, digest, recorded_at)"
        " VALUES (%s, 'a2', 'code', 'new', now() + interval '1 minute')",
        again,
    )
    world.end(again)

    assert objects(look(Check.RUNS)) == [f"run:{run}"]


def objects_after_end(world: LineageWorld, run: str, look: Look) -> list[str]:
    world.end(run)
    return objects(look(Check.RUNS))


def test_lost_short_and_changed_bytes_are_found(
    world: LineageWorld, look: Look, tmp_path: Path
) -> None:
    run = world.run()
    for name in ("good", "lost", "short", "rotten"):
        world.artifact(run, f"{name}.pt", name.encode() * 10)

    def path(name: str) -> Path:
        digest = world.key(name.encode() * 10).sha256
        return tmp_path / "artifacts" / TENANT / digest[:2] / digest[2:4] / digest

    path("lost").unlink()
    path("short").write_bytes(b"x")
    path("rotten").write_bytes(b"y" * 60)

    report = look(Check.BLOBS)
    unread = look(Check.BLOBS, files=0)

    assert sorted(objects(report)) == [
        f"artifact:{run}/{n}.pt" for n in ("lost", "rotten", "short")
    ]
    assert (report.looked_at, report.hashed) == (4, 2)
    assert sorted(objects(unread)) == [f"artifact:{run}/{n}.pt" for n in ("lost", "short")]


def test_a_seed_takes_the_same_files(
    world: LineageWorld, checks: PostgresLineageChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_checks, "_PAGE", 7)
    run = world.run()
    for n in range(30):
        world.artifact(run, f"{n}.pt", f"content {n}".encode())
    opened: list[str] = []
    original = world.store.open
    monkeypatch.setattr(
        world.store, "open", lambda key: (opened.append(key.sha256), original(key))[1]
    )

    def taken(seed: str, **changes: int) -> list[str]:
        opened.clear()
        world.rows("UPDATE blobs SET verified_at = now()")
        report = checks.look(Check.BLOBS, Scope(), sample=Sample(files=5, seed=seed, **changes))
        assert report.looked_at == 30
        assert report.hashed == len(opened)
        return list(opened)

    monday = taken("monday")
    assert len(set(monday)) == 5
    assert taken("monday") == monday
    assert taken("tuesday") != monday
    assert taken("monday", most_bytes=20) == monday[:2]
    assert taken("monday", most_bytes=1) == monday[:1], "a large file has its turn, too"


def test_what_nobody_has_read_comes_first(
    world: LineageWorld, checks: PostgresLineageChecks
) -> None:
    run = world.run()
    for n in range(12):
        world.artifact(run, f"{n}.pt", f"content {n}".encode())

    for day in ("monday", "tuesday", "wednesday"):
        assert world.rows("SELECT count(*) FROM blobs WHERE verified_at IS NULL") != [(0,)]
        checks.look(Check.BLOBS, Scope(), sample=Sample(files=4, seed=day))

    assert world.rows("SELECT count(*) FROM blobs WHERE verified_at IS NULL") == [(0,)]


def test_edges_that_lead_to_nothing_are_found(
    world: LineageWorld, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_checks, "_PAGE", 2)
    run = world.whole_run()
    world.artifact(run, "a b/c.pt")
    LineageStore(world.pool).add(
        [
            Edge(Node("dataset:nothing@1"), Node(f"run:{run}")),
            Edge(Node("dataset:digits@9"), Node(f"run:{run}")),
            Edge(Node("run:nobody"), Node(f"artifact:{run}/a b/c.pt")),
            Edge(Node(f"artifact:{run}/other"), Node("model:m@1")),
            Edge(Node("picture:x"), Node("model:m@1")),
        ],
        tenant_id=TENANT,
    )

    report = look(Check.EDGES)

    assert report.looked_at == 7
    assert sorted(objects(report)) == [
        f"artifact:{run}/other", "dataset:digits@9", "dataset:nothing@1", "picture:x", "run:nobody",
    ]  # fmt: skip
    problems = {finding.object: finding.problem for finding in report.findings}
    assert "from picture:x to model:m@1" in problems[Node("picture:x")]


def test_an_edge_to_what_is_another_tenants_dangles(world: LineageWorld, look: Look) -> None:
    run = world.run()
    them = TenantId("them")
    world.rows("INSERT INTO tenants VALUES ('them')")
    LineageStore(world.pool).add([Edge(Node(f"run:{run}"), Node("model:m@1"))], tenant_id=them)

    assert objects(look(Check.EDGES)) == [f"run:{run}"]
    assert objects(look(Check.EDGES, tenant_id=TENANT)) == []


def test_models_reach_data_and_code_however_far_away(
    world: LineageWorld, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_checks, "_MODELS", 2)
    base, tuned, bare = world.whole_run(), world.run(code=CODE), world.run()
    for run in (base, tuned, bare):
        world.artifact(run)
    LineageStore(world.pool).add(
        [
            Edge(Node(f"artifact:{base}/model.pt"), Node("model:base@1")),
            Edge(Node("model:base@1"), Node(f"run:{tuned}")),
            Edge(Node(f"artifact:{tuned}/model.pt"), Node("model:tuned@1")),
            Edge(Node(f"artifact:{bare}/model.pt"), Node("model:bare@1")),
            Edge(Node("model:loop@1"), Node("model:loop@2")),
            Edge(Node("model:loop@2"), Node("model:loop@1")),
        ],
        tenant_id=TENANT,
    )

    report = look(Check.MODELS)

    assert report.looked_at == 5
    assert (
        sorted(objects(report))
        == ["model:bare@1"] * 2 + ["model:loop@1"] * 2 + ["model:loop@2"] * 2
    )
    assert f"nothing is recorded of the code of {bare}" in [f.problem for f in report.findings]


def a_sealed_run(world: LineageWorld, checks: PostgresLineageChecks) -> str:
    run = world.whole_run()
    world.artifact(run)
    world.rows(
        'INSERT INTO reports (run_id, resource_level, value, "values", reported_at)'
        " VALUES (%s, 1, 'NaN', '{\"loss\": 0.5}', now())",
        run,
    )
    world.end(run)
    checks.record_digests()
    return run


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ("UPDATE runs SET objective = 0.99 WHERE run_id = %s", "the run itself"),
        ("UPDATE runs SET sealed_at = NULL WHERE run_id = %s", "the run itself"),
        ("UPDATE run_params SET value = '0.2' WHERE run_id = %s", "params"),
        ("DELETE FROM run_params WHERE run_id = %s", "params"),
        ("UPDATE artifacts SET name = 'other.pt' WHERE run_id = %s", "artifacts, lineage"),
        ("UPDATE reports SET value = 0.1 WHERE run_id = %s", "reports"),
        ("INSERT INTO reports (run_id, resource_level, \"values\", reported_at) VALUES (%s, 2, '{}', now())", "reports"),
        (("UPDATE provenance_documents SET document = '{}' WHERE digest IN"
         " (SELECT digest FROM run_provenance WHERE run_id = %s AND section = 'code')"), "provenance"),
        ("DELETE FROM run_provenance WHERE run_id = %s AND section = 'seeds'", "provenance"),
        (("UPDATE dataset_versions SET content_hash = sha256('x') WHERE dataset_id IN"
         " (SELECT dataset_id FROM run_datasets WHERE run_id = %s)"),
         "datasets, what is recorded of its datasets"),
        (("UPDATE dataset_versions SET row_count = 12345 WHERE dataset_id IN"
         " (SELECT dataset_id FROM run_datasets WHERE run_id = %s)"),
         "what is recorded of its datasets"),
        ("DELETE FROM run_datasets WHERE run_id = %s", "datasets, what is recorded of its datasets"),
        ("DELETE FROM lineage_edges WHERE downstream = 'run:' || %s", "lineage"),
    ],
)  # fmt: skip
def test_what_is_changed_behind_the_triggers_back_is_found(
    world: LineageWorld, checks: PostgresLineageChecks, look: Look, statement: str, part: str
) -> None:
    run, other = a_sealed_run(world, checks), world.whole_run(dataset=("other", 1), code=None)
    world.end(other)
    checks.record_digests()
    with transaction(world.pool) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(statement, [run])  # pyright: ignore[reportArgumentType]  literals above

    report = look(Check.DIGESTS)

    assert report.looked_at == 2
    assert objects(report) == [f"run:{run}"]
    assert report.findings[0].problem.endswith(f"changed since: {part}")


def test_digests_do_not_go_with_their_run(world: LineageWorld) -> None:
    assert (
        world.rows(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'run_digests'::regclass AND contype = 'f'"
        )
        == []
    )


def test_a_run_that_is_gone_is_found(
    world: LineageWorld, checks: PostgresLineageChecks, look: Look
) -> None:
    run = a_sealed_run(world, checks)
    with transaction(world.pool) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("DELETE FROM runs WHERE run_id = %s", [run])

    report = look(Check.DIGESTS)

    assert objects(report) == [f"run:{run}"]
    assert "not in the database" in report.findings[0].problem


def test_what_may_change_changes_no_digest(
    world: LineageWorld, checks: PostgresLineageChecks, look: Look
) -> None:
    """Tags, decisions of the search, another session's way to write numbers and times."""
    run = a_sealed_run(world, checks)
    world.rows("UPDATE run_tags SET value = 'other' WHERE run_id = %s", run)
    world.rows("UPDATE reports SET decision = 'stop', sequence = 1 WHERE run_id = %s", run)
    world.rows("ALTER TABLE runs ADD COLUMN later text DEFAULT 'x'")
    with transaction(world.pool) as connection:
        connection.execute(
            "SET LOCAL timezone = 'Asia/Tokyo'; SET LOCAL datestyle = 'German';"
            " SET LOCAL extra_float_digits = -3; SET LOCAL bytea_output = 'escape'"
        )
        same = connection.execute(
            "SELECT count(*) FROM run_digests_v2(ARRAY[%s]) AS now JOIN run_digests"
            " USING (run_id, run, params, artifacts, reports, provenance, datasets, edges,"
            " dataset_rows)",
            [run],
        ).fetchone()

    assert same == (1,)
    assert objects(look(Check.DIGESTS)) == []


def test_digests_are_written_when_runs_are_sealed(
    world: LineageWorld, checks: PostgresLineageChecks
) -> None:
    run, live = world.whole_run(), world.run()
    world.rows("UPDATE runs SET state = 'completed', ended_at = now() WHERE run_id = %s", run)

    assert RunUpkeep(world.pool).seal(SealingRule(grace=dt.timedelta(0))) == (run,)

    assert world.rows("SELECT run_id, version FROM run_digests") == [(run, 2)]
    assert checks.record_digests() == 0
    assert live not in str(world.rows("SELECT run_id FROM run_digests"))


def test_digests_that_were_not_written_are_later(
    world: LineageWorld, checks: PostgresLineageChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage_checks, "_PAGE", 2)
    for _ in range(5):
        world.end(world.run())

    assert [checks.record_digests(), checks.record_digests()] == [5, 0]
    assert checks.look(Check.DIGESTS, Scope(), sample=Sample()).looked_at == 5


def test_only_what_is_asked_for_is_looked_at(
    world: LineageWorld, checks: PostgresLineageChecks, look: Look
) -> None:
    ours, old, new = world.run(), world.run(), world.run()
    in_sweep(world, ours)
    for n, (run, days) in enumerate(((ours, 9), (old, 9), (new, 0))):
        world.artifact(run, content=str(n).encode())
        LineageStore(world.pool).add(
            [Edge(Node(f"artifact:{run}/model.pt"), Node(f"model:m{n}@1"))], tenant_id=TENANT
        )
        world.end(run, days_ago=days)
    checks.record_digests()
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)

    def counts(**scope: object) -> list[int]:
        return [look(check, **scope).looked_at for check in Check]

    assert counts() == [3, 3, 6, 3, 3]
    assert counts(sweep_id=SWEEP) == [1, 1, 2, 1, 1]
    assert counts(since=yesterday) == [1, 1, 6, 3, 1]
    assert counts(tenant_id=TenantId("them")) == [0, 0, 0, 0, 0]
    assert [run.run_id for run in checks.finished(Scope(since=yesterday))] == [new]
