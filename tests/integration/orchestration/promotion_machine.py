"""Steps of Dagster runs, people, retention, crashes and clashes, on a real database.

After every step `registry_invariants` looks at the rows.
"""

import contextlib
import itertools
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from governance.promotion.approvals import NoApprover, check_rejection, check_word
from governance.promotion.evaluations import Evaluation, EvaluationState
from governance.promotion.registry import ModelNotFound, NothingBefore
from storage.database import Pool
from sweeps.errors import StateConflict, StorageUnavailable
from sweeps.ids import RunId
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.integration.orchestration.registry_invariants import check, everything
from tests.integration.storage.lineage_world import TENANT
from tests.unit.governance.promotion.worlds import THRESHOLD

_NOT_WORSE = "not_worse_than_production: [{metric: accuracy, direction: maximize, margin: 0.1}]"
GATES = [
    THRESHOLD,
    f"{THRESHOLD}, {_NOT_WORSE}",
    f"{THRESHOLD}, approvals: {{count: 1}}",
    f"{THRESHOLD}, {_NOT_WORSE}, approvals: {{count: 1, by: [ben]}}",
]
GOOD, MIDDLING, BAD = (0.95, 0.96, 0.97), (0.91, 0.92, 0.93), (0.1, 0.1, 0.95)
NOT_A_NUMBER = (0.95, float("nan"), 0.97)
#: What the runs of an evaluation come to; None: they crash.
QUALITIES = st.sampled_from([GOOD, GOOD, GOOD, MIDDLING, BAD, NOT_A_NUMBER, None])
CANDIDATES = 5
#: Refusals that somebody is told; anything else is a fault.
REFUSALS = (StateConflict, NoApprover, ModelNotFound, NothingBefore)
KINDS = st.sampled_from(
    ["promote"] * 5 + ["roll back"] * 3 + ["set"] * 2
    + ["judge", "approve", "reject", "withdraw", "prune"]
)  # fmt: skip
#: A step, and a table that it writes.
KILLED_AT = [
    ("promote", "model_versions"),
    ("promote", "model_aliases"),
    ("promote", "evaluations"),
    ("judge", "gate_results"),
    ("judge", "evaluations"),
    ("approve", "approvals"),
    ("reject", "gate_results"),
    ("roll back", "promotions"),
    ("roll back", "model_aliases"),
    ("set", "model_aliases"),
]
_FUNCTIONS = """\
CREATE OR REPLACE FUNCTION kill_me() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(10);
    RETURN NULL;
END $$;
-- Between what was read and what is written, so that others come in between if nothing holds them.
CREATE OR REPLACE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.05);
    RETURN NEW;
END $$"""

Step = Callable[[], object]


class Promotions(RuleBasedStateMachine):
    """Steps of Dagster runs, of people, of retention, and of crashes."""

    pool: Pool
    seen: ClassVar[Counter[str]] = Counter()  #: that something has happened at all, in any example

    @initialize()
    def begin_world(self) -> None:
        with self.pool.connection() as connection:
            connection.execute("TRUNCATE runs, sweeps, models, lineage_edges, api_tokens CASCADE")
            connection.execute(_FUNCTIONS)
        self.folder = tempfile.TemporaryDirectory()
        self.world = PromotionWorld(self.pool, Path(self.folder.name))
        self.versions: dict[int, str] = {}
        self.numbers = itertools.count(1)
        self.runs = [self.candidate() for _ in range(CANDIDATES)]
        for place in range(CANDIDATES):
            self.evaluate(place, GATES[place % len(GATES)], GOOD)

    def teardown(self) -> None:
        self.seen.update(kind for (kind,) in self.world.rows("SELECT kind FROM promotions"))
        self.seen.update(
            state for (state,) in self.world.rows("SELECT state::text FROM evaluations")
        )
        self.folder.cleanup()

    @invariant()
    def all_is_as_it_has_to_be(self) -> None:
        check(self.world, self.versions)

    places = st.integers(0, CANDIDATES - 1)
    people = st.sampled_from(["ben", "cleo", "me"])  # the last one owns the candidates

    def candidate(self) -> RunId:
        number = next(self.numbers)
        run = self.world.candidate(f"scratch-{number:012d}", content=b"%d" % number)
        self.world.tag(run)
        return run

    def newest(self, place: int) -> Evaluation | None:
        found = self.world.evaluations.list(tenant_id=TENANT, run_id=self.runs[place], limit=1)
        return next(iter(found), None)

    # Evaluations, as Dagster runs take them through their steps: in any order, and again.

    @rule(place=places, gates=st.sampled_from(GATES), quality=QUALITIES)
    def evaluate(self, place: int, gates: str, quality: tuple[float, ...] | None) -> None:
        """Ask anew, if the last one has ended; its runs end at once."""
        last = self.newest(place)
        if last is not None and last.state in {EvaluationState.PROMOTED, EvaluationState.REFUSED}:
            self.runs[place] = self.candidate()  # nothing more becomes of that one
        self.world.policy = a_policy(gates)
        found = self.world.begun(self.runs[place], anew=True)
        if found.state is EvaluationState.RUNNING and not self.is_over(found):
            theirs = MIDDLING if found.compared_with is not None else ()
            crash = "the script exited with code 1" if quality is None else None
            self.world.measure(found, quality or GOOD, production=theirs, crash=crash)

    @rule(place=places, step=st.sampled_from(["measured", "judge", "promote", "promote"]))
    def one_step(self, place: int, step: str) -> None:
        self.told(self.step_of(place, step))

    @rule(place=places)
    def all_steps(self, place: int) -> None:
        for step in ("measured", "judge", "promote"):
            self.told(self.step_of(place, step))

    @rule(place=places, gates=st.sampled_from(GATES))
    def all_goes_well(self, place: int, gates: str) -> None:
        self.evaluate(place, gates, GOOD)
        self.all_steps(place)
        self.approve(place, "ben")
        self.all_steps(place)

    def step_of(self, place: int, step: str) -> Step:
        found = self.newest(place)
        if found is None:
            return lambda: None
        has_measured = self.world.evaluations.record(found.evaluation_id).measurements
        if step == "judge" and not has_measured:
            return lambda: None  # a Dagster run judges what it has measured
        return lambda: getattr(self.world.steps, step)(found.evaluation_id)

    def is_over(self, found: Evaluation) -> bool:
        sweep = found.sweep_id
        return sweep is not None and self.world.catalog.get(sweep).state.is_terminal

    # People.

    @rule(place=places, by=people)
    def approve(self, place: int, by: str) -> None:
        self.told(self.approval(place, by))

    @rule(place=places, by=people)
    def reject(self, place: int, by: str) -> None:
        self.told(self.rejection(place, by))

    def approval(self, place: int, by: str) -> Step:
        def say() -> None:
            found = self.newest(place)
            if found is not None:
                check_word(found, owners=frozenset({"me"}), by=by)
                self.world.evaluations.approve(found.evaluation_id, by=by, comment="")

        return say

    def rejection(self, place: int, by: str) -> Step:
        def say() -> None:
            found = self.newest(place)
            if found is not None:
                check_rejection(found, owners=frozenset({"me"}), by=by, comment="it flickers")
                self.world.evaluations.reject(found.evaluation_id, by=by, comment="it flickers")

        return say

    def withdrawal(self, place: int) -> Step:
        def take_away() -> None:
            self.world.untag(self.runs[place])
            self.world.evaluations.withdraw_untagged()
            self.world.tag(self.runs[place])

        return take_away

    @rule(alias=st.sampled_from(["production", "production", "staging"]))
    def roll_back(self, alias: str) -> None:
        self.told(self.going_back(alias))

    def going_back(self, alias: str) -> Step:
        return lambda: self.world.registry.rollback(
            "digits", alias, tenant_id=TENANT, by="ben", reason="clicks fell"
        )

    @rule(number=st.integers(1, 4), alias=st.sampled_from(["production", "staging"]))
    def set_alias(self, number: int, alias: str) -> None:
        self.told(self.setting(number, alias))

    def setting(self, number: int, alias: str) -> Step:
        return lambda: self.world.registry.set_alias(
            "digits", alias, number, tenant_id=TENANT, by="ben", reason="to try it"
        )

    @rule(place=places, is_pruned=st.booleans())
    def end_early(self, place: int, is_pruned: bool) -> None:
        (self.pruning(self.runs[place]) if is_pruned else self.withdrawal(place))()

    def pruning(self, run: RunId) -> Step:
        def take() -> None:  # what nothing guards
            kept = self.world.rows("SELECT true FROM model_versions WHERE run_id = %s", run)
            if not kept:
                self.world.prune(run)

        return take

    def told(self, step: Step) -> None:
        with contextlib.suppress(*REFUSALS):
            step()

    # Crashes and clashes.

    @rule(place=places, gates=st.sampled_from(GATES))
    def ready(self, place: int, gates: str) -> None:
        """What is left to do of it is to promote it, or to hear somebody."""
        for _ in range(2):  # what is left over from before may be worth nothing any more
            self.evaluate(place, gates, GOOD)
            for step in ("measured", "judge"):
                self.told(self.step_of(place, step))
            found = self.newest(place)
            if found is not None and not found.state.has_ended:
                return

    def any_step(self, kind: str, place: int, by: str) -> Step:
        match kind:
            case "promote" | "judge":
                return self.step_of(place, kind)
            case "approve":
                return self.approval(place, by)
            case "reject":
                return self.rejection(place, by)
            case "withdraw":
                return self.withdrawal(place)
            case "prune":
                return self.pruning(self.runs[place])
            case "roll back":
                return self.going_back("production")
            case _:
                return self.setting(1 + place % 3, "production")

    @rule(place=places, gates=st.sampled_from(GATES), at=st.sampled_from(KILLED_AT), by=people)
    def crash(self, place: int, gates: str, at: tuple[str, str], by: str) -> None:
        """The connection of whoever writes there dies within its transaction."""
        kind, table = at
        self.ready(place, gates)
        step = self.any_step(kind, place, by)
        before = everything(self.world)
        event = "UPDATE" if table == "evaluations" else "INSERT"
        self.world.rows(
            f"CREATE TRIGGER kill_me AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION kill_me()"
        )
        try:
            self.told(step)
        except StorageUnavailable:
            self.seen["killed"] += 1
            assert everything(self.world) == before, "something is half done"
        finally:
            self.world.rows(f"DROP TRIGGER kill_me ON {table}")

    @rule(
        places=st.tuples(places, places), gates=st.sampled_from([*GATES, GATES[1], GATES[1]]),
        by=people, kinds=st.tuples(KINDS, KINDS),
    )  # fmt: skip
    def two_at_once(
        self, places: tuple[int, int], gates: str, by: str, kinds: tuple[str, str]
    ) -> None:
        for place in set(places):
            self.ready(place, gates)
        steps = [self.any_step(kind, place, by) for kind, place in zip(kinds, places, strict=True)]
        together = threading.Barrier(len(steps))
        faults: list[BaseException] = []

        def run(step: Step) -> None:
            together.wait()
            try:
                self.told(step)
            except BaseException as exc:  # noqa: BLE001 - told by the test's own thread
                faults.append(exc)

        threads = [threading.Thread(target=run, args=[step]) for step in steps]
        self.world.rows(
            "CREATE TRIGGER linger BEFORE INSERT ON promotions FOR EACH ROW EXECUTE FUNCTION linger()"
        )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.world.rows("DROP TRIGGER linger ON promotions")
        assert faults == []
