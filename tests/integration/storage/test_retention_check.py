"""The look at what has gone although something guarded it, at each reason by itself.

What has gone did so an hour from now, when all that a test does is long done.
"""

import datetime as dt
from collections import defaultdict
from pathlib import Path

import pytest

from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool
from storage.retention.store import RetentionStore
from sweeps.ids import RunId
from tests.integration.storage.retention_rows import RetentionRows

EVER = dt.datetime(1, 1, 1, tzinfo=dt.UTC)


class Gone:
    """Runs of which something has gone."""

    def __init__(self, rows: RetentionRows) -> None:
        self.rows = rows

    def run(self, *, sweep: str | None = None, sealed: bool = True, hours: int = 1) -> RunId:
        """A run, of which an artifact has gone so many hours from now."""
        run = self.rows.open_run()
        if sweep is not None:
            self.rows.rows(
                "UPDATE runs SET sweep_id = %s, number = 1 WHERE run_id = %s", sweep, run
            )
        self.rows.end(run)
        if not sealed:
            self.rows.rows("ALTER TABLE runs DISABLE TRIGGER runs_freeze")
            self.rows.rows("UPDATE runs SET sealed_at = NULL WHERE run_id = %s", run)
            self.rows.rows("ALTER TABLE runs ENABLE TRIGGER runs_freeze")
        self.rows.rows(
            "INSERT INTO deletions (plan_id, kind, tenant_id, experiment, run_id, name, rule,"
            " size_bytes, deleted_at)"
            " VALUES (1, 'artifact', 'default', '', %s, 'a', 'x', 1,"
            " now() + make_interval(hours => %s))",
            run,
            hours,
        )
        return run

    def sweep(self, name: str, *, spec: str = "{}", is_open: bool = False) -> str:
        state = "running" if is_open else "completed"
        self.rows.rows(
            "INSERT INTO experiments (tenant_id, name, owner, purpose) VALUES ('default', %s, 'me', '')",
            f"of {name}",
        )
        self.rows.rows(
            "INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version,"
            " spec_digest, source_dir, created_by, state, ended_at)"
            " SELECT %s, tenant_id, experiment_id, %s::json, 1, '', '', 'me', %s::sweep_state,"
            " CASE %s WHEN 'completed' THEN now() END FROM experiments WHERE name = %s",
            name, spec, state, state, f"of {name}",
        )  # fmt: skip
        return name

    def hold(self, scope: str, name: str, *, tenant: str = "default", ends: str = "") -> None:
        self.rows.rows(
            "INSERT INTO holds (tenant_id, scope, name, why, placed_by, until)"
            " VALUES (%s, %s, %s, '', 'me', now() + nullif(%s, '')::interval)",
            tenant, scope, name, ends,
        )  # fmt: skip

    def edge(self, upstream: str, downstream: str) -> None:
        self.rows.rows(
            "INSERT INTO lineage_edges (tenant_id, upstream, downstream)"
            " VALUES ('default', %s, %s)", upstream, downstream,
        )  # fmt: skip

    def found(self, *, since: dt.datetime = EVER) -> dict[str, set[str]]:
        """Why each should not have gone."""
        found: dict[str, set[str]] = defaultdict(set)
        for one in RetentionStore(self.rows.pool).out_of_place(since=since):
            assert (one.name, one.state) == ("a", "deleted")
            found[one.run_id].add(one.guard)
        return dict(found)


@pytest.fixture
def gone(pool: Pool, tmp_path: Path) -> Gone:
    return Gone(RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts")))


def test_what_nothing_guards_may_go(gone: Gone) -> None:
    gone.run()
    gone.run(sweep=gone.sweep("s"))

    assert gone.found() == {}


def test_what_went_before_is_not_looked_at_again(gone: Gone) -> None:
    before, after = gone.run(), gone.run(hours=9)
    for run in (before, after):
        gone.rows.tag(run)
    ((at,),) = gone.rows.rows("SELECT deleted_at FROM deletions WHERE run_id = %s", before)

    assert set(gone.found()) == {before, after}
    assert set(gone.found(since=at)) == {after}


def test_tags_of_runs_sweeps_and_experiments_guard(gone: Gone) -> None:
    tagged, in_sweep, in_experiment = gone.run(), gone.run(sweep=gone.sweep("s")), gone.run()
    gone.rows.tag(tagged, "production_candidate")
    gone.rows.rows("INSERT INTO sweep_tags (sweep_id, name) VALUES ('s', 'keeper')")
    gone.rows.rows(
        "INSERT INTO experiments (tenant_id, name, owner, purpose) VALUES ('default', 'e', 'me', '')"
    )
    gone.rows.rows("ALTER TABLE runs DISABLE TRIGGER USER")
    gone.rows.rows(
        "UPDATE runs SET experiment_id = (SELECT experiment_id FROM experiments WHERE name = 'e')"
        " WHERE run_id = %s", in_experiment,
    )  # fmt: skip
    gone.rows.rows("ALTER TABLE runs ENABLE TRIGGER USER")
    gone.rows.rows(
        "INSERT INTO experiment_tags (experiment_id, name)"
        " SELECT experiment_id, 'keeper' FROM experiments WHERE name = 'e'"
    )

    assert gone.found() == {
        tagged: {"tag production_candidate"},
        in_sweep: {"tag keeper of its sweep"},
        in_experiment: {"tag keeper of its experiment"},
    }


def test_a_tag_guards_for_as_long_as_it_is_there(gone: Gone) -> None:
    before, after = gone.run(), gone.run()
    for run in (before, after):
        gone.rows.tag(run)
    gone.rows.rows("ALTER TABLE tag_changes DISABLE TRIGGER tag_changes_immutable")
    gone.rows.rows("DELETE FROM run_tags")
    # One was taken away after what is its run's had gone.
    gone.rows.rows(
        "UPDATE tag_changes SET changed_at = now() + interval '2 hours'"
        " WHERE run_id = %s AND value IS NULL", after,
    )  # fmt: skip

    assert gone.found() == {after: {"tag keeper"}}


def test_what_is_in_use_guards_itself_and_what_it_needs(gone: Gone) -> None:
    unsealed, of_open, learnt_from, repeated = (
        gone.run(sealed=False),
        gone.run(sweep=gone.sweep("open", is_open=True)),
        gone.run(sweep=gone.sweep("source")),
        gone.run(),
    )
    gone.sweep("learner", spec='{"warm_start": ["source"]}', is_open=True)
    gone.sweep("over", spec='{"warm_start": ["source"]}')
    rerun = gone.rows.open_run()
    gone.rows.rows("UPDATE runs SET rerun_of = %s WHERE run_id = %s", repeated, rerun)

    assert gone.found() == {
        unsealed: {"it was not sealed"},
        of_open: {"its sweep was open"},
        learnt_from: {"learner learnt from its sweep"},
        repeated: {f"{rerun} repeated it"},
    }


def test_holds_guard_until_they_end(gone: Gone) -> None:
    held, of_sweep, learnt = gone.run(), gone.run(sweep=gone.sweep("s")), gone.run()
    gone.edge("dataset:d@1", f"run:{learnt}")
    gone.hold("run", held, ends="2 hours")
    gone.hold("run", held, ends="30 minutes")  # over when it went
    gone.hold("sweep", "s")
    gone.hold("dataset", "d")
    gone.hold("dataset", "d@2")
    gone.hold("sweep", "s")
    gone.rows.rows("UPDATE holds SET lifted_at = now(), lifted_by = 'me' WHERE hold_id = 6")

    assert gone.found() == {held: {"hold 1"}, of_sweep: {"hold 3"}, learnt: {"hold 4"}}


@pytest.mark.parametrize(
    ("scope", "name", "tenant", "guards"),
    [
        ("tenant", "default", "default", True),
        ("tenant", "vision", "default", False),
        ("experiment", "scratch", "default", True),
        ("experiment", "scratch", "vision", False),
    ],
)
def test_holds_are_on_one_tenant(
    gone: Gone, scope: str, name: str, tenant: str, guards: bool
) -> None:
    run = gone.run()
    gone.rows.rows("INSERT INTO tenants (tenant_id) VALUES ('vision')")

    gone.hold(scope, name, tenant=tenant)

    assert gone.found() == ({run: {"hold 1"}} if guards else {})


def test_what_something_guarded_came_out_of_is_guarded(gone: Gone) -> None:
    first, second, of_model, of_dataset, free = (gone.run() for _ in range(5))
    kept = gone.rows.scratch()
    gone.rows.tag(kept)
    gone.edge(f"artifact:{first}/a", f"run:{second}")
    gone.edge(f"artifact:{second}/a", f"run:{kept}")
    gone.edge(f"artifact:{of_model}/a", "model:reader@1")
    gone.edge(f"run:{of_dataset}", "dataset:d@1")
    gone.edge(f"run:{kept}", f"run:{free}")  # the other way round
    gone.hold("dataset", "d", ends="2 hours")

    found = gone.found()

    assert found == {
        first: {f"run:{kept} came out of it: tag keeper"},
        second: {f"run:{kept} came out of it: tag keeper"},
        of_model: {"model:reader@1 came out of it"},
        of_dataset: {"dataset:d@1 came out of it: hold 1", "hold 1"},
    }


def test_an_evaluation_guards_its_candidate_and_what_it_is_made_of(gone: Gone) -> None:
    candidate, measured, of_sweep = gone.run(), gone.run(), gone.run(sweep=gone.sweep("e"))
    gone.rows.rows(
        "INSERT INTO evaluations (evaluation_id, tenant_id, run_id, number, state, requested_by,"
        " sweep_id, judged_at, ended_at)"
        " VALUES ('v', 'default', %s, 1, 'rejected', 'me', 'e', now(), now())", candidate,
    )  # fmt: skip
    gone.rows.rows(
        "INSERT INTO evaluation_runs (evaluation_id, run_id, subject, seed, metrics)"
        " VALUES ('v', %s, 'candidate', 1, '{}')", measured,
    )  # fmt: skip

    assert gone.found() == {
        candidate: {"an evaluation"},
        measured: {"an evaluation is made of it"},
        of_sweep: {"an evaluation is made of its sweep"},
    }
