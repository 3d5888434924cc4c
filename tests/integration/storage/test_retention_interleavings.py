"""Whatever the order of plans, marks, tags, holds, evaluations, promotions, crashes, deletions and undoing:
what must stay does.

A machine of steps on a real database and a real folder. The model knows which runs were guarded when
something could have been taken from them, and looks at what is left after every step.
"""

import contextlib
import datetime as dt
import itertools
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from governance.promotion.evaluations import EvaluationState
from governance.promotion.registry import ModelNotFound, NothingBefore
from retention.policy import ByteBudget, RetentionClass, RetentionPolicy, RunRules, Scope
from retention.world import HoldScope
from storage.annotations.tags import TagStore
from storage.artifacts.blob_collection import BlobCollection
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, open_pool
from storage.retention.deletion import RetentionDeletion
from storage.retention.holds import HoldStore
from storage.retention.store import PlanNotFound, RetentionStore
from sweeps.ids import RunId
from sweeps.tags import Subject, SubjectKind
from tests.integration.orchestration.promotion_world import PromotionWorld
from tests.integration.storage.retention_rows import LATER, TENANT, RetentionRows
from tests.plugins.postgres import Database

POLICY = RetentionPolicy(
    classes={
        "standard": RetentionClass(
            name="standard", runs=RunRules(failed_after=dt.timedelta(days=10))
        )
    },
    default_class="standard",
    grace=dt.timedelta(days=7),
    budgets=[ByteBudget(scope=Scope(), max_bytes=8)],
)
_RUNS, _CANDIDATES = 4, 2
_GOOD, _BAD = (0.95, 0.96, 0.97), (0.1, 0.2, 0.3)


class Retention(RuleBasedStateMachine):
    """Steps of people, schedules and crashes."""

    pool: Pool
    _folders = itertools.count()

    @initialize()
    def begin(self) -> None:
        with self.pool.connection() as connection:
            connection.execute(
                "TRUNCATE runs, sweeps, models, datasets, blobs, holds, retention_plans, deletions,"
                " lineage_edges CASCADE"
            )
        self.folder = tempfile.TemporaryDirectory()
        self.rows = RetentionRows(self.pool, ArtifactFolder(Path(self.folder.name)))
        self.promotion = PromotionWorld(self.pool, Path(self.folder.name))
        self.plans = RetentionStore(self.pool)
        self.now = LATER
        self.content: dict[str, bytes] = {}
        self.runs: list[RunId] = []
        self.tagged: set[tuple[str, str]] = set()
        self.held: dict[str, int] = {}
        self.used: set[str] = set()
        self.evaluated: set[str] = set()  #: whatever came of it
        self.open: dict[RunId, str] = {}  #: evaluations that are measured at some time, by run
        for number in range(_RUNS):
            files = {"a": bytes([number % 2]) * 3, "b": b"b%d" % number}
            run = self.rows.scratch(files, state="failed" if number % 2 else "completed")
            self.runs.append(run)
            self.content |= {f"{run}/{name}": content for name, content in files.items()}
        for number in range(_CANDIDATES):
            content = b"weights %d" % number
            run = self.promotion.candidate(f"scratch-{number:x>12}", content=content)
            self.runs.append(run)
            self.content[f"{run}/model.pkl"] = content
        #: What was there, and guarded, after the step before.
        self.must_be_there: set[str] = set()

    runs_of = st.integers(0, _RUNS + _CANDIDATES - 1)
    candidates_of = st.integers(_RUNS, _RUNS + _CANDIDATES - 1)
    tags_of = st.sampled_from(["keeper", "production_candidate", "baseline"])

    @rule(number=runs_of, tag=tags_of)
    def tag(self, number: int, tag: str) -> None:
        run = self.runs[number]
        self.rows.tag(run, tag)
        if tag == "baseline":  # an experiment has one
            self.tagged = {one for one in self.tagged if one[1] != tag}
        self.tagged.add((run, tag))

    @rule(number=runs_of, tag=tags_of)
    def untag(self, number: int, tag: str) -> None:
        run = self.runs[number]
        TagStore(self.pool).remove(Subject(SubjectKind.RUN, run), tag, tenant_id=TENANT, by="me")
        self.tagged.discard((run, tag))
        if tag == "production_candidate":
            self.open.pop(run, None)  # withdrawn with it

    @rule(number=candidates_of)
    def evaluate(self, number: int) -> None:
        """Somebody asks for an evaluation, which is begun: it is refused when the file is gone."""
        run = self.runs[number]
        is_there = f"{run}/model.pkl" in self.rows.names()
        found = self.promotion.begun(run, anew=True)
        self.tagged.add((run, "production_candidate"))
        self.evaluated.add(run)
        if found.state is EvaluationState.RUNNING:
            assert is_there
            self.open[run] = found.evaluation_id
        elif is_there:
            assert "is production already" in found.reason

    @precondition(lambda self: self.open)
    @rule(data=st.data(), values=st.sampled_from([_GOOD, _BAD]))
    def judge(self, data: st.DataObject, values: tuple[float, ...]) -> None:
        """An evaluation comes to its end: the candidate becomes a version, or does not."""
        self._judge(data.draw(st.sampled_from(sorted(self.open))), values)

    @rule(number=candidates_of, values=st.sampled_from([_GOOD, _BAD]))
    def evaluate_at_once(self, number: int, values: tuple[float, ...]) -> None:
        self.evaluate(number)
        if self.runs[number] in self.open:
            self._judge(self.runs[number], values)

    def _judge(self, run: RunId, values: tuple[float, ...]) -> None:
        found = self.promotion.evaluations.get(self.open.pop(run))
        others = _GOOD if found.compared_with is not None else ()
        self.promotion.measure(found, values, production=others)
        record = self.promotion.through(found.evaluation_id)
        # Else the evaluation's own runs, to which something may still come, would keep the candidate.
        self.rows.rows("UPDATE runs SET sealed_at = now() WHERE sweep_id = %s", found.sweep_id)
        is_good = record.evaluation.state is EvaluationState.PROMOTED
        assert is_good == (values == _GOOD), record.evaluation.reason

    @rule()
    def roll_back(self) -> None:
        with contextlib.suppress(NothingBefore, ModelNotFound):
            self.promotion.registry.rollback(
                "digits", "production", tenant_id=TENANT, by="me", reason="x"
            )

    @rule(number=runs_of)
    def hold(self, number: int) -> None:
        run = self.runs[number]
        if run not in self.held:
            placed = HoldStore(self.pool).place(
                HoldScope.RUN, run, tenant_id=TENANT, why="x", who="me"
            )
            self.held[run] = placed.hold_id

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(sorted(self.held)))
        HoldStore(self.pool).lift(self.held.pop(run), who="me")

    @rule(number=runs_of)
    def use(self, number: int) -> None:
        """A live run says that it uses a file, which is there or not."""
        run = self.runs[number]
        if f"{run}/a" in self.rows.names():
            self.rows.catalog.use(self.rows.open_run(), owner=run, name="a", tenant_id=TENANT)
            self.used.add(run)

    @rule()
    def plan(self) -> None:
        self.plans.make(POLICY, policy_version=0, who="me", now=self.now)

    @rule()
    def apply(self) -> None:
        for made in self.plans.newest(limit=1):
            self.plans.apply(made.plan_id, POLICY, who="me", now=self.now)

    @rule()
    def apply_an_old_one(self) -> None:
        for made in self.plans.newest()[-1:]:
            with contextlib.suppress(PlanNotFound):
                self.plans.apply(made.plan_id, POLICY, who="me", now=self.now)

    @rule()
    def plan_and_apply(self) -> None:
        self.plan()
        self.apply()

    @rule()
    def a_week(self) -> None:
        """What the schedules do when nothing comes between."""
        self.plan_and_apply()
        self.wait(7)
        self.delete_all()

    @rule(days=st.sampled_from([1, 7, 7]))
    def wait(self, days: int) -> None:
        self.now += dt.timedelta(days=days)

    @rule(batch=st.integers(1, 3))
    def delete_and_die(self, batch: int) -> None:
        """A batch is done, then whoever does it dies."""
        RetentionDeletion(self.pool, batch=batch).delete_some(now=self.now)

    @rule()
    def delete_all(self) -> None:
        RetentionDeletion(self.pool, batch=2).delete_due(now=self.now)

    @rule()
    def undo(self) -> None:
        for made in self.plans.newest(limit=1):
            self.plans.undo_plan(made.plan_id)

    @rule(number=runs_of)
    def undo_a_run(self, number: int) -> None:
        self.plans.undo_items(self.runs[number], None)

    @rule()
    def collect(self) -> None:
        """After it the bytes are those that something refers to."""
        at_once = dt.timedelta(0)
        BlobCollection(self.pool, self.rows.store, least_age=at_once, quarantine=at_once).collect(
            now=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
        )
        stored = {one.sha256 for one in self.rows.store.stored(before=LATER)}
        live = {
            sha256.hex() for (sha256,) in self.rows.rows("SELECT DISTINCT sha256 FROM artifacts")
        }
        assert stored == live

    @invariant()
    def what_must_stay_is_there(self) -> None:
        if not hasattr(self, "must_be_there"):
            return
        there = self.rows.names()
        assert self.must_be_there <= there
        guarded = {run for run, _ in self.tagged} | set(self.held) | self.used | self.evaluated
        self.must_be_there = {name for name in there if name.split("/")[0] in guarded}
        for name in there:
            assert self.rows.has_bytes(self.content[name]), name

    @invariant()
    def what_is_gone_is_written_down_once(self) -> None:
        if not hasattr(self, "must_be_there"):
            return
        gone = set(self.content) - self.rows.names()
        deletions = [f"{one.run_id}/{one.name}" for one in self.plans.deletions()
                     if one.kind == "artifact"]  # fmt: skip
        assert sorted(deletions) == sorted(gone)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url) as pool:
        yield pool


@pytest.mark.slow
def test_nothing_that_must_stay_is_ever_deleted(pool: Pool) -> None:
    Retention.pool = pool
    run_state_machine_as_test(
        Retention,
        settings=settings(
            max_examples=10,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
