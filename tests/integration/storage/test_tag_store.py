"""Tags, notes and links on a real database."""

import dataclasses
import threading
from collections.abc import Callable

import pytest
from psycopg.types.json import Jsonb

from storage.annotations.notes import NoteStore
from storage.annotations.tags import TagStore
from storage.database import Pool, transaction
from storage.runs.search import RunSearch
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.trials import PostgresTrialStore
from sweeps import ids
from sweeps.errors import StateConflict, SweepsError
from sweeps.ids import RunId, SweepId, TenantId
from sweeps.run_filters import parse_filter
from sweeps.states import RunState
from sweeps.tags import (
    BASELINE,
    KEEPER,
    MOST_TAGS,
    InvalidTag,
    NoteNotFound,
    NothingTagged,
    Subject,
    SubjectKind,
    SubjectNotFound,
    Tag,
    parse_subject,
)
from sweeps.trials import Changes
from tests.factories import SWEEP, a_spec, a_suggestion, a_trial, at

TENANT, OTHER = TenantId("default"), TenantId("other")


@pytest.fixture
def tags(pool: Pool) -> TagStore:
    return TagStore(pool)


@pytest.fixture
def notes(pool: Pool) -> NoteStore:
    return NoteStore(pool)


def some_runs(
    pool: Pool, n: int = 3, *, sweep: SweepId = SWEEP, experiment: str = "digits"
) -> list[RunId]:
    """Sealed runs of one sweep."""
    spec = a_spec(experiment=experiment)
    SweepCatalog(pool).submit(sweep, spec, source_dir="/there", created_by="me")
    store = PostgresTrialStore(pool)
    lease = store.take_over(sweep, controller="test")
    trials = [a_trial(i + 1, sweep_id=sweep) for i in range(n)]
    suggested = tuple(a_suggestion(i + 1) for i in range(n))
    store.apply(sweep, lease, Changes(at=at(0), suggestions=suggested, new_trials=tuple(trials)))
    ended = [
        dataclasses.replace(t, state=RunState.COMPLETED, started_at=at(0), ended_at=at(1))
        for t in trials
    ]
    store.apply(sweep, lease, Changes(at=at(1), trials=tuple(ended)))
    with transaction(pool) as connection:
        connection.execute("UPDATE runs SET sealed_at = now() WHERE sweep_id = %s", [sweep])
    return [ids.run_id(sweep, i + 1) for i in range(n)]


def run(name: str) -> Subject:
    return Subject(SubjectKind.RUN, name)


EXPERIMENT = Subject(SubjectKind.EXPERIMENT, "digits")


def test_a_sealed_run_takes_tags_and_every_change_is_kept(pool: Pool, tags: TagStore) -> None:
    subject = run(some_runs(pool)[0])

    tags.set(subject, Tag("team", "vision"), tenant_id=TENANT, by="ana")
    tags.set(subject, Tag("team", "speech"), tenant_id=TENANT, by="ben")
    tags.set(subject, Tag("team", "speech"), tenant_id=TENANT, by="ben")
    assert tags.remove(subject, "team", tenant_id=TENANT, by="eve")
    assert not tags.remove(subject, "team", tenant_id=TENANT, by="eve")

    changes = tags.changes(subject, tenant_id=TENANT)
    assert [(c.before, c.value, c.changed_by) for c in changes] == [
        (None, "vision", "ana"),
        ("vision", "speech", "ben"),
        ("speech", None, "eve"),
    ]
    assert tags.tags(subject, tenant_id=TENANT) == []


def test_what_has_become_of_a_tag_cannot_be_changed(pool: Pool, tags: TagStore) -> None:
    tags.set(run(some_runs(pool)[0]), Tag(KEEPER), tenant_id=TENANT, by="ana")

    for statement in ("DELETE FROM tag_changes", "UPDATE tag_changes SET changed_by = 'ben'"):
        with pytest.raises(StateConflict), transaction(pool) as connection:
            connection.execute(statement)


def test_sweeps_and_experiments_have_tags_of_their_own(pool: Pool, tags: TagStore) -> None:
    some_runs(pool)
    for subject in (parse_subject(SWEEP), EXPERIMENT):
        tags.set(subject, Tag("team", "vision"), tenant_id=TENANT, by="ana")

    for subject in (parse_subject(SWEEP), EXPERIMENT):
        (tag,) = tags.tags(subject, tenant_id=TENANT)
        assert (tag.name, tag.value, tag.set_by) == ("team", "vision", "ana")


def test_an_experiment_has_one_baseline(pool: Pool, tags: TagStore) -> None:
    first, second, _ = some_runs(pool)
    elsewhere, *_ = some_runs(pool, sweep=SweepId("digits-bbbbbbbb"))
    assert tags.set(run(first), Tag(BASELINE), tenant_id=TENANT, by="ana") == ()

    assert tags.set(run(second), Tag(BASELINE), tenant_id=TENANT, by="ben") == (first,)
    assert tags.set(run(elsewhere), Tag(BASELINE), tenant_id=TENANT, by="ben") == (second,)
    assert tags.set(run(elsewhere), Tag(BASELINE), tenant_id=TENANT, by="ben") == ()

    lost = tags.changes(run(first), tenant_id=TENANT)[-1]
    assert (lost.name, lost.value, lost.changed_by) == (BASELINE, None, "ben")
    assert tags.tags(run(first), tenant_id=TENANT) == []


def test_baselines_that_come_at_once_leave_one(pool: Pool, tags: TagStore) -> None:
    runs = some_runs(pool, 4)
    start = threading.Barrier(4)

    def set_it(name: str) -> None:
        start.wait()
        tags.set(run(name), Tag(BASELINE), tenant_id=TENANT, by=name)

    threads = [threading.Thread(target=set_it, args=(name,)) for name in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with transaction(pool) as connection:
        found = connection.execute("SELECT count(*) FROM run_tags WHERE name = 'baseline'")
        assert found.fetchone() == (1,)


def test_a_script_moves_the_baseline_too(pool: Pool, tags: TagStore) -> None:
    """Also when one statement brings it for several runs: the last one counts."""
    first, second, third = some_runs(pool)
    tags.set(run(first), Tag(BASELINE), tenant_id=TENANT, by="ana")

    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO run_tags (run_id, name, value) SELECT run_id, 'baseline', ''"
            " FROM jsonb_array_elements_text(%s) AS new (run_id)",
            [Jsonb([second, third])],
        )
        found = connection.execute("SELECT run_id FROM run_tags WHERE name = 'baseline'")
        assert found.fetchall() == [(third,)]
    assert tags.changes(run(third), tenant_id=TENANT)[-1].changed_by == ""


def test_tags_have_bounds(pool: Pool, tags: TagStore) -> None:
    subject = run(some_runs(pool)[0])
    for n in range(MOST_TAGS):
        tags.set(subject, Tag(f"t{n}"), tenant_id=TENANT, by="ana")

    tags.set(subject, Tag("t1", "again"), tenant_id=TENANT, by="ana")
    with pytest.raises(InvalidTag, match="remove one first"):
        tags.set(subject, Tag("another"), tenant_id=TENANT, by="ana")


def test_several_are_tagged_together(pool: Pool, tags: TagStore) -> None:
    first, second, _ = some_runs(pool)
    several = [run(second), parse_subject(SWEEP), run(first), EXPERIMENT, run(second)]

    assert tags.set_all(several, Tag(KEEPER), tenant_id=TENANT, by="ana") == [()] * 5
    for subject in several:
        assert [tag.name for tag in tags.tags(subject, tenant_id=TENANT)] == [KEEPER]
    tags.remove(run(second), KEEPER, tenant_id=TENANT, by="ana")

    assert tags.remove_all(several[:3], KEEPER, tenant_id=TENANT, by="ana") == [False, True, True]


def test_of_several_runs_that_become_the_baseline_the_last_one_does(
    pool: Pool, tags: TagStore
) -> None:
    first, second, third = some_runs(pool)
    tags.set(run(second), Tag(BASELINE), tenant_id=TENANT, by="ana")

    moved = tags.set_all([run(third), run(first)], Tag(BASELINE), tenant_id=TENANT, by="ana")

    assert moved == [(second,), (third,)]
    assert [tag.name for tag in tags.tags(run(first), tenant_id=TENANT)] == [BASELINE]


NOBODY, NOTHING = run("digits-aaaaaaaa-09999"), parse_subject("nope")


@pytest.mark.parametrize(
    ("tag", "wrong", "problem"),
    [
        (Tag(KEEPER), [NOBODY], SubjectNotFound),
        (Tag(BASELINE), [parse_subject(SWEEP)], InvalidTag),
        (Tag("t0"), [NOBODY, NOTHING], NothingTagged),
        (Tag(BASELINE), [EXPERIMENT, NOBODY], NothingTagged),
    ],
)
def test_when_one_cannot_be_tagged_none_is(
    pool: Pool, tags: TagStore, tag: Tag, wrong: list[Subject], problem: type[Exception]
) -> None:
    runs = [run(name) for name in some_runs(pool)]

    with pytest.raises(problem) as told:
        tags.set_all([*runs, *wrong], tag, tenant_id=TENANT, by="ana")

    if isinstance(told.value, NothingTagged):
        assert len(told.value.problems) == len(wrong)
    for subject in runs:
        assert tags.changes(subject, tenant_id=TENANT) == []


def test_one_that_has_too_many_tags_keeps_the_others_from_theirs(
    pool: Pool, tags: TagStore
) -> None:
    full, other, _ = some_runs(pool)
    for n in range(MOST_TAGS):
        tags.set(run(full), Tag(f"t{n}"), tenant_id=TENANT, by="ana")

    with pytest.raises(InvalidTag, match="remove one first"):
        tags.set_all([run(other), run(full)], Tag(KEEPER), tenant_id=TENANT, by="ana")

    assert tags.tags(run(other), tenant_id=TENANT) == []


def test_when_one_is_not_there_none_loses_its_tag(pool: Pool, tags: TagStore) -> None:
    runs = [run(name) for name in some_runs(pool)]
    tags.set_all(runs, Tag(KEEPER), tenant_id=TENANT, by="ana")

    with pytest.raises(SubjectNotFound):
        tags.remove_all([*runs, NOBODY], KEEPER, tenant_id=TENANT, by="ana")

    for subject in runs:
        assert [tag.name for tag in tags.tags(subject, tenant_id=TENANT)] == [KEEPER]


@pytest.mark.parametrize("tag", [Tag(KEEPER), Tag(BASELINE)], ids=str)
def test_who_tag_the_same_in_another_order_do_not_block_each_other(
    pool: Pool, tags: TagStore, tag: Tag
) -> None:
    """Runs of two experiments: a baseline locks both."""
    here = [run(name) for name in some_runs(pool, 6)]
    other = some_runs(pool, 6, sweep=SweepId("other-bbbbbbbb"), experiment="other")
    there = [run(name) for name in other]
    orders = [[*here, *there], [*there, *here], [*here[::-1], *there], [*there[::-1], *here]]
    start = threading.Barrier(4)
    failed: list[Exception] = []

    def set_all(subjects: list[Subject]) -> None:
        try:
            for round_ in range(10):
                start.wait()
                mine = Tag(tag.name, f"{round_}-{subjects[0]}") if tag.name == KEEPER else tag
                tags.set_all(subjects, mine, tenant_id=TENANT, by="ana")
        except (SweepsError, threading.BrokenBarrierError) as exc:
            failed.append(exc)
            start.abort()

    threads = [threading.Thread(target=set_all, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []


def test_a_note_is_edited_by_another_version(pool: Pool, notes: NoteStore) -> None:
    subject = run(some_runs(pool)[0])
    note = notes.add(subject, "the data were wrong", tenant_id=TENANT, by="ana")

    notes.edit(subject, note.note_id, "the labels were wrong", tenant_id=TENANT, by="ben")

    (now,) = notes.annotations(subject, tenant_id=TENANT).notes
    assert (now.text, now.author, now.version) == ("the labels were wrong", "ben", 2)
    versions = notes.versions(subject, note.note_id, tenant_id=TENANT)
    assert [v.text for v in versions] == ["the data were wrong", "the labels were wrong"]
    with pytest.raises(StateConflict), transaction(pool) as connection:
        connection.execute("UPDATE notes SET text = 'fine'")


def test_a_note_that_is_taken_back_is_still_a_version(pool: Pool, notes: NoteStore) -> None:
    subject = run(some_runs(pool)[0])
    note = notes.add(subject, "hasty", tenant_id=TENANT, by="ana")

    notes.edit(subject, note.note_id, None, tenant_id=TENANT, by="ana")

    assert notes.annotations(subject, tenant_id=TENANT).notes == []
    assert len(notes.versions(subject, note.note_id, tenant_id=TENANT)) == 2


def test_edits_that_come_at_once_follow_each_other(pool: Pool, notes: NoteStore) -> None:
    subject = run(some_runs(pool)[0])
    note = notes.add(subject, "0", tenant_id=TENANT, by="ana")

    def edit(n: int) -> None:
        notes.edit(subject, note.note_id, str(n), tenant_id=TENANT, by="ana")

    threads = [threading.Thread(target=edit, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    versions = notes.versions(subject, note.note_id, tenant_id=TENANT)
    assert [v.version for v in versions] == [1, 2, 3, 4, 5]


def test_a_link_is_there_once_and_can_go(pool: Pool, notes: NoteStore) -> None:
    some_runs(pool)
    subject = parse_subject(SWEEP)

    assert notes.link(subject, "VIS-1", tenant_id=TENANT, by="ana")
    assert not notes.link(subject, " VIS-1", tenant_id=TENANT, by="ben")
    assert notes.unlink(subject, "VIS-1", tenant_id=TENANT, by="ben")
    assert not notes.unlink(subject, "VIS-1", tenant_id=TENANT, by="ben")
    assert notes.link(subject, "VIS-1", tenant_id=TENANT, by="eve")

    (link,) = notes.annotations(subject, tenant_id=TENANT).links
    assert (link.target, link.added_by) == ("VIS-1", "eve")


Write = Callable[[TagStore, NoteStore, Subject, int], object]
WRITES: dict[str, Write] = {
    "set": lambda t, _, s, __: t.set(s, Tag(KEEPER), tenant_id=OTHER, by="eve"),
    "remove": lambda t, _, s, __: t.remove(s, KEEPER, tenant_id=OTHER, by="eve"),
    "tags": lambda t, _, s, __: t.tags(s, tenant_id=OTHER),
    "changes": lambda t, _, s, __: t.changes(s, tenant_id=OTHER),
    "note": lambda _, n, s, __: n.add(s, "mine", tenant_id=OTHER, by="eve"),
    "edit": lambda _, n, s, i: n.edit(s, i, "mine", tenant_id=OTHER, by="eve"),
    "versions": lambda _, n, s, i: n.versions(s, i, tenant_id=OTHER),
    "link": lambda _, n, s, __: n.link(s, "VIS-2", tenant_id=OTHER, by="eve"),
    "unlink": lambda _, n, s, __: n.unlink(s, "VIS-1", tenant_id=OTHER, by="eve"),
    "annotations": lambda _, n, s, __: n.annotations(s, tenant_id=OTHER),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_another_tenant_finds_nothing_and_changes_nothing(
    pool: Pool, tags: TagStore, notes: NoteStore, write: Write
) -> None:
    name = some_runs(pool)[0]
    for subject in (run(name), parse_subject(SWEEP), EXPERIMENT):
        tags.set(subject, Tag(KEEPER), tenant_id=TENANT, by="ana")
        note = notes.add(subject, "ours", tenant_id=TENANT, by="ana")
        notes.link(subject, "VIS-1", tenant_id=TENANT, by="ana")
        before = notes.annotations(subject, tenant_id=TENANT)

        with pytest.raises(SubjectNotFound):
            write(tags, notes, subject, note.note_id)

        assert notes.annotations(subject, tenant_id=TENANT) == before


def test_a_note_of_something_else_is_not_found(pool: Pool, notes: NoteStore) -> None:
    first, second, _ = some_runs(pool)
    note = notes.add(run(first), "ours", tenant_id=TENANT, by="ana")

    with pytest.raises(NoteNotFound):
        notes.edit(run(second), note.note_id, "mine", tenant_id=TENANT, by="ana")


def test_a_deletion_by_retention_takes_all_of_it(
    pool: Pool, tags: TagStore, notes: NoteStore
) -> None:
    first, second, _ = some_runs(pool)
    tags.set(run(first), Tag(KEEPER), tenant_id=TENANT, by="ana")
    notes.add(run(first), "ours", tenant_id=TENANT, by="ana")
    notes.link(run(first), "VIS-1", tenant_id=TENANT, by="ana")
    notes.add(run(second), "stays", tenant_id=TENANT, by="ana")

    with transaction(pool) as connection:
        connection.execute("SET LOCAL sweepworks.retention = 'on'")
        for table in ("run_params", "run_tags", "run_activity", "run_digests", "lineage_edges"):
            column = "run_id" if table != "lineage_edges" else "downstream"
            key = first if table != "lineage_edges" else f"run:{first}"
            connection.execute(f"DELETE FROM {table} WHERE {column} = %s", [key])  # pyright: ignore[reportArgumentType, reportCallIssue]  literals above
        connection.execute("DELETE FROM run_provenance WHERE run_id = %s", [first])
        connection.execute("DELETE FROM runs WHERE run_id = %s", [first])
        left = connection.execute(
            "SELECT (SELECT count(*) FROM tag_changes), (SELECT count(*) FROM notes),"
            " (SELECT count(*) FROM links)"
        ).fetchone()

    assert left == (0, 1, 0)


FILTERS = [
    ("tag = keeper", {0}),
    ("tag != keeper", {1, 2}),
    ("not tag = keeper and tag.team = vision", {1}),
    ("tag.team = vision", {0, 1}),
    ("sweep_tag = ablation_study", {0, 1, 2}),
    ("sweep_tag = keeper", set[int]()),
    ("experiment_tag = shared", {0, 1, 2}),
    ("experiment_tag != shared", set[int]()),
    ("tier = fast", {2}),
    ("tier != fast and tag = keeper", {0}),
    ('tag = "x\' or true --"', set[int]()),
]


@pytest.mark.parametrize(("where", "expected"), FILTERS)
def test_tags_find_runs(pool: Pool, tags: TagStore, where: str, expected: set[int]) -> None:
    names = some_runs(pool)
    for place, tag in [(0, "keeper"), (0, "team=vision"), (1, "team=vision"), (2, "tier.fast")]:
        name, _, value = tag.partition("=")
        tags.set(run(names[place]), Tag(name, value), tenant_id=TENANT, by="ana")
    tags.set(parse_subject(SWEEP), Tag("ablation_study"), tenant_id=TENANT, by="ana")
    tags.set(EXPERIMENT, Tag("shared"), tenant_id=TENANT, by="ana")

    found = RunSearch(pool).find(parse_filter(where), tenant_id=TENANT)

    assert {names.index(row.run_id) for row in found} == expected
    assert RunSearch(pool).find(parse_filter(where), tenant_id=OTHER) == []
