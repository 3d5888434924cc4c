"""Makes a plan: what the rules name, less what is guarded. Pure, in columns."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retention.budgets import over_budget
from retention.cold import ColdMoves, cold_moves
from retention.guards import Guard, code, guards, tagged
from retention.plans import RULES, RetentionPlan, Rule
from retention.policy import Export, RetentionClass, RetentionPolicy
from retention.ranking import is_among_best, is_kept_of_trial
from retention.resolution_clock import tier_drops
from retention.world import (
    KINDS,
    NONE,
    STATES,
    ArtifactKind,
    Bools,
    Float64s,
    Int8s,
    Int32s,
    World,
)
from sweeps.states import RunState
from sweeps.tags import BASELINE, TEST_RUN

_BAD = np.array([state in {RunState.FAILED, RunState.CANCELLED} for state in STATES])
_CHECKPOINT, _LOG = KINDS.index(ArtifactKind.CHECKPOINT), KINDS.index(ArtifactKind.LOG)


def plan(
    world: World, policy: RetentionPolicy, *, now: dt.datetime, has_classes: bool = False
) -> RetentionPlan:
    """What would go now, and what is spared by what.

    Args:
        has_classes: Whether the store has colder classes, so that what stays may go there.
    """
    return _Planning(world, policy, now).plan(has_classes=has_classes)


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """A rule and a guard for each row, as codes."""

    rules: Int8s
    guards: Int8s

    @classmethod
    def none(cls, count: int) -> "_Verdicts":
        return cls(np.full(count, NONE, dtype=np.int8), np.full(count, NONE, dtype=np.int8))

    @property
    def goes(self) -> Bools:
        return (self.rules != NONE) & (self.guards == NONE)

    def name(self, rule: Rule, due: Bools, spared_by: Int8s) -> None:
        """Let a rule have what no rule before it has, or what was spared from that one."""
        mine = due & ~self.goes
        # What was spared once stays listed under that reason, unless this rule takes it.
        mine &= (self.rules == NONE) | (spared_by == NONE)
        self.rules[mine] = RULES.index(rule)
        self.guards[mine] = spared_by[mine]


class _Planning:
    """One plan in the making."""

    def __init__(self, world: World, policy: RetentionPolicy, now: dt.datetime) -> None:
        self._world = world
        self._policy = policy
        self._now = now
        self._seconds = int(now.timestamp())
        self._classes = list(policy.classes.values())
        self._class_of = self._assigned()
        self._guards = guards(world, now=now)
        runs = world.runs
        self._ages = np.where(runs.ended == NONE, -1, self._seconds - runs.ended)
        best = self._by_run(lambda one: one.checkpoints.best_of_sweep)
        self._best = is_among_best(world, best.astype(np.int32))
        self._young = self._ages < policy.min_age.total_seconds()

    def plan(self, *, has_classes: bool) -> RetentionPlan:
        world = self._world
        of_runs = self._judge_runs()
        of_artifacts = self._judge_artifacts(of_runs)
        artifacts = np.flatnonzero((of_artifacts.rules != NONE) & ~world.artifacts.is_marked)
        runs = np.flatnonzero(
            (of_runs.rules != NONE) & ~world.runs.is_marked & (world.runs.points > 0)
        )
        kept = (self._guards != NONE) | self._best
        exported = kept | self._exports_all()
        going = of_artifacts.goes | world.artifacts.is_marked
        return RetentionPlan(
            world=world,
            made_at=self._now,
            artifacts=artifacts,
            artifact_rules=of_artifacts.rules[artifacts],
            artifact_guards=of_artifacts.guards[artifacts],
            runs=runs,
            run_rules=of_runs.rules[runs],
            run_guards=of_runs.guards[runs],
            tiers=tier_drops(
                world, self._class_of, self._classes, exported=exported, kept=kept, now=self._now
            ),
            cold=cold_moves(
                world, self._policy, class_of=self._class_of, going=going, now=self._now
            )
            if has_classes
            else ColdMoves(),
            freed_bytes=_freed(world, of_artifacts.goes & ~world.artifacts.is_marked),
        )

    def _judge_runs(self) -> _Verdicts:
        runs = self._world.runs
        verdicts = _Verdicts.none(len(runs))
        spared = self._guards.copy()
        spared[(spared == NONE) & self._young] = code(Guard.TOO_YOUNG)
        spared[(spared == NONE) & self._best] = code(Guard.BEST_OF_SWEEP)
        is_test = tagged(self._world, TEST_RUN)
        is_over = runs.ended != NONE

        def due(length: Callable[[RetentionClass], dt.timedelta | None]) -> Bools:
            return is_over & (self._ages > self._by_run(lambda one: _seconds(length(one))))

        verdicts.name(
            Rule.SCRATCH,
            ((runs.sweeps == NONE) | is_test) & due(lambda one: one.runs.scratch_after),
            spared,
        )
        verdicts.name(
            Rule.FAILED, _BAD[runs.states] & due(lambda one: one.runs.failed_after), spared
        )
        verdicts.name(
            Rule.BELOW_BASELINE,
            _is_below_baseline(self._world) & due(lambda one: one.runs.below_baseline_after),
            spared,
        )
        verdicts.name(Rule.UNPROMOTED, due(lambda one: one.runs.unpromoted_after), spared)
        return verdicts

    def _judge_artifacts(self, of_runs: _Verdicts) -> _Verdicts:
        artifacts, owners = self._world.artifacts, self._world.artifacts.runs
        verdicts = _Verdicts.none(len(artifacts))
        own_age = self._seconds - artifacts.created
        young = self._young[owners] | (own_age < self._policy.min_age.total_seconds())
        spared = self._guards[owners]
        spared[(spared == NONE) & young] = code(Guard.TOO_YOUNG)

        # What becomes of a run becomes of its artifacts.
        inherited = of_runs.guards[owners]
        inherited[(inherited == NONE) & young] = code(Guard.TOO_YOUNG)
        verdicts.rules[:] = of_runs.rules[owners]
        verdicts.guards[:] = np.where(verdicts.rules == NONE, NONE, inherited)

        ages = np.where(self._world.runs.ended[owners] == NONE, -1, self._ages[owners])
        kept = np.zeros(len(artifacts), dtype=np.bool_)
        checkpoints = np.flatnonzero(artifacts.kinds == _CHECKPOINT)
        kept[checkpoints] = is_kept_of_trial(
            self._world,
            checkpoints,
            best=self._by_run(lambda one: one.checkpoints.best_of_trial).astype(np.int32),
            latest=self._by_run(lambda one: one.checkpoints.latest_of_trial).astype(np.int32),
        )
        is_checkpoint = artifacts.kinds == _CHECKPOINT

        def due(length: Callable[[RetentionClass], dt.timedelta | None]) -> Bools:
            return ages > self._by_run(lambda one: _seconds(length(one)))[owners]

        of_best = spared.copy()
        of_best[(of_best == NONE) & self._best[owners]] = code(Guard.BEST_OF_SWEEP)
        verdicts.name(
            Rule.EXPIRED, is_checkpoint & due(lambda one: one.checkpoints.expire_after), of_best
        )
        verdicts.name(
            Rule.SURPLUS,
            is_checkpoint & ~kept & due(lambda one: one.checkpoints.thin_after),
            spared,
        )
        verdicts.name(
            Rule.LOGS, (artifacts.kinds == _LOG) & due(lambda one: one.logs_after), spared
        )
        over = over_budget(
            self._world,
            self._policy.budgets,
            going=verdicts.goes | artifacts.is_marked,
            is_free=spared == NONE,
            worth=self._worth(kept),
        )
        verdicts.name(Rule.BUDGET, over, spared)
        return verdicts

    def _worth(self, kept: Bools) -> Int8s:
        """What goes first when there is too much: lower is worth less."""
        runs, artifacts = self._world.runs, self._world.artifacts
        owners = artifacts.runs
        is_checkpoint = artifacts.kinds == _CHECKPOINT
        worth = np.full(len(artifacts), 4, dtype=np.int8)  # files that scripts stored by name
        worth[artifacts.kinds == _LOG] = 2
        worth[is_checkpoint & kept] = 3
        worth[_BAD[runs.states][owners] | (runs.sweeps[owners] == NONE)] = 1
        worth[is_checkpoint & ~kept] = 0
        worth[self._best[owners] & (worth > 0)] = 5
        return worth

    def _assigned(self) -> Int32s:
        """The class of each run, as a place in the policy's."""
        world, policy = self._world, self._policy
        names = list(policy.classes)

        def place(group: int, chosen: str | None) -> int:
            one = world.groups[group]
            found = policy.class_of(tenant=one.tenant, experiment=one.experiment, chosen=chosen)
            return names.index(found.name)

        of_groups = np.array([place(group, None) for group in range(len(world.groups))], np.int32)
        of_sweeps = np.array(
            [place(sweep.group, sweep.class_name) for sweep in world.sweeps] + [0], np.int32
        )
        runs = world.runs
        if not len(runs):
            return np.zeros(0, dtype=np.int32)
        return np.where(runs.sweeps == NONE, of_groups[runs.groups], of_sweeps[runs.sweeps])

    def _by_run(self, of_class: Callable[[RetentionClass], float]) -> Float64s:
        values = np.array([of_class(one) for one in self._classes], dtype=np.float64)
        return values[self._class_of]

    def _exports_all(self) -> Bools:
        return self._by_run(lambda one: float(one.metrics.export is Export.ALL)) > 0


def _seconds(length: dt.timedelta | None) -> float:
    return np.inf if length is None else length.total_seconds()


def _is_below_baseline(world: World) -> Bools:
    """Whether a run's result is worse than its experiment's baseline, the weakest if several are.

    Only runs whose sweeps ask for the same metric, the same way, are compared.
    """
    runs = world.runs
    below = np.zeros(len(runs), dtype=np.bool_)
    if not len(world.sweeps):
        return below
    questions: dict[tuple[int, str, bool], int] = {}
    of_sweeps = np.array(
        [
            questions.setdefault((one.group, one.metric, one.is_maximized), len(questions))
            for one in world.sweeps
        ]
        + [NONE]
    )
    question = of_sweeps[runs.sweeps]
    signs = np.array([-1.0 if is_maximized else 1.0 for _, _, is_maximized in questions])
    signed = runs.objectives * signs[question]
    bounds = np.full(len(questions), -np.inf)
    compared = tagged(world, BASELINE) & (question != NONE) & np.isfinite(signed)
    np.maximum.at(bounds, question[compared], signed[compared])
    bounds[np.isneginf(bounds)] = np.inf  # without a baseline nothing is below
    return (question != NONE) & (signed > bounds[question])


def _freed(world: World, goes: Bools) -> int:
    """Bytes whose last reference goes."""
    blobs, places, counts = np.unique(
        world.artifacts.blobs, return_inverse=True, return_counts=True
    )
    if not len(blobs):
        return 0
    going = np.bincount(places[goes], minlength=len(blobs))
    is_free = (going == counts) & ~np.isin(blobs, world.other_blobs)
    sizes = np.zeros(len(blobs), dtype=np.int64)
    sizes[places] = world.artifacts.sizes
    return int(sizes[is_free].sum())
