"""Pages of sweeps on a real database: due, written, searched, confirmed, and of whom they are."""

import dataclasses
import datetime as dt
from typing import Any

import dagster as dg
import pytest

from assets.graveyard import graveyard_entries
from governance.features.file import FEATURES
from storage import queries
from storage.annotations.notes import NoteStore
from storage.annotations.tags import TagStore
from storage.database import Pool, transaction
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.graveyard import InvalidTakeaway, PostgresGraveyard
from storage.sweeps.trials import PostgresTrialStore
from sweeps.errors import StateConflict, SweepNotFound
from sweeps.graveyard.entry import EntryFacts
from sweeps.ids import SweepId, TenantId
from sweeps.spaces import Float
from sweeps.states import RunState, SweepState
from sweeps.tags import KEEPER, Subject, SubjectKind, Tag, parse_subject
from sweeps.trials import Changes, SweepChange
from tests.factories import SWEEP, a_space, a_spec, a_suggestion, a_trial, at
from tests.integration.policies import apply

TENANT, OTHER = TenantId("default"), TenantId("other")
SECOND = SweepId("digits-bbbbbbbb")


@pytest.fixture
def graveyard(pool: Pool) -> PostgresGraveyard:
    return PostgresGraveyard(pool)


def a_sweep(
    pool: Pool,
    sweep: SweepId = SWEEP,
    *,
    n: int = 4,
    state: SweepState | None = SweepState.COMPLETED,
    purpose: str = "Whether zebras can be told apart.",
    tenant: str = TENANT,
    experiment: str = "digits",
) -> SweepId:
    spec = dataclasses.replace(a_spec(tenant=tenant, experiment=experiment), purpose=purpose)
    SweepCatalog(pool).submit(
        sweep, spec, source_dir="/there", created_by="me", code={"commit": "abc123"}
    )
    store = PostgresTrialStore(pool)
    lease = store.take_over(sweep, controller="test")
    trials = [a_trial(i + 1, sweep_id=sweep) for i in range(n)]
    suggested = tuple(a_suggestion(i + 1) for i in range(n))
    store.apply(sweep, lease, Changes(at=at(0), suggestions=suggested, new_trials=tuple(trials)))
    if state is None:
        return sweep
    ended = [
        dataclasses.replace(
            trial,
            state=RunState.COMPLETED,
            started_at=at(0),
            ended_at=at(1),
            objective=float(trial.number),
        )
        for trial in trials
    ]
    change = SweepChange(state=state, reason="all trials are over")
    store.apply(sweep, lease, Changes(at=at(1), trials=tuple(ended), sweep=change))
    return sweep


def look_now(pool: Pool) -> None:
    """As if nothing had changed shortly before the pages were written."""
    with transaction(pool) as connection:
        connection.execute("UPDATE graveyard_looks SET looked_at = now()")


def charge(
    pool: Pool, sweep: SweepId, *, category: str = "compute", day: dt.date | None = None
) -> None:
    """An entry of the ledger, of the day on which the sweep ended if no other is given."""
    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO cost_entries (day, entry_key, tenant_id, sweep_id, category,"
            " resource, quantity, unit, unit_price_usd, amount_usd, price_version)"
            " SELECT coalesce(%(day)s, ended_at::date), sweep_id || '/' || %(category)s,"
            " 'default', sweep_id, %(category)s, 'gpu', 2, 'gpu_hours', 1.75, 3.5, 1"
            " FROM sweeps WHERE sweep_id = %(sweep)s",
            {"day": day, "category": category, "sweep": sweep},
        )


def cover(pool: Pool, how_much: str) -> None:
    """The ledger has the day on which sweeps have ended, as a whole or half of it."""
    share = {"whole": 1.0, "half": 0.5}[how_much]
    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO cost_days (day, covered_until, price_version, entries)"
            " SELECT DISTINCT ended_at::date, ended_at::date + %s * INTERVAL '1 day', 1, 1"
            " FROM sweeps",
            [share],
        )


def rows_read(plan: dict[str, Any], table: str) -> int:
    """Rows that all looks at a table gave, together."""
    own = plan["Actual Rows"] * plan["Actual Loops"] if plan.get("Relation Name") == table else 0
    return own + sum(rows_read(part, table) for part in plan.get("Plans", ()))


def test_a_sweep_is_due_once_it_has_ended(pool: Pool, graveyard: PostgresGraveyard) -> None:
    a_sweep(pool, state=None)
    ended = a_sweep(pool, SECOND)

    assert graveyard.due() == [ended]
    with pytest.raises(StateConflict):
        graveyard.write(SWEEP)
    with pytest.raises(SweepNotFound):
        graveyard.write(SweepId("nothing-aaaaaaaa"))

    graveyard.write(ended)
    assert graveyard.due() == []


def test_a_page_is_written_again_only_when_it_says_something_else(
    pool: Pool, graveyard: PostgresGraveyard
) -> None:
    sweep = a_sweep(pool)
    assert graveyard.write(sweep) == 1
    assert graveyard.write(sweep) == 1

    NoteStore(pool).add(parse_subject(sweep), "mind the stripes", tenant_id=TENANT, by="ana")
    assert graveyard.write(sweep) == 2

    assert "mind the stripes" in graveyard.entry(sweep, tenant_id=TENANT).markdown
    with pytest.raises(StateConflict), transaction(pool) as connection:
        connection.execute("UPDATE graveyard_entries SET markdown = 'x'")


@pytest.mark.parametrize(
    "what", ["tag", "tag of a run", "note", "link", "unlink", "takeaway", "cost"]
)
def test_whatever_changes_makes_the_page_due(
    pool: Pool, graveyard: PostgresGraveyard, what: str
) -> None:
    sweep = a_sweep(pool)
    subject, notes, tags = parse_subject(sweep), NoteStore(pool), TagStore(pool)
    notes.link(subject, "VIS-1", tenant_id=TENANT, by="ana")
    graveyard.write(sweep)
    look_now(pool)
    assert graveyard.due() == []

    match what:
        case "tag":
            tags.set(subject, Tag("team", "x"), tenant_id=TENANT, by="ana")
        case "tag of a run":
            run = Subject(SubjectKind.RUN, f"{sweep}-00002")
            tags.set(run, Tag(KEEPER), tenant_id=TENANT, by="ana")
        case "note":
            notes.add(subject, "x", tenant_id=TENANT, by="ana")
        case "link":
            notes.link(subject, "VIS-2", tenant_id=TENANT, by="ana")
        case "unlink":
            notes.unlink(subject, "VIS-1", tenant_id=TENANT, by="ana")
        case "takeaway":
            graveyard.confirm(sweep, "x", tenant_id=TENANT, by="ana")
        case _:
            charge(pool, sweep)
            cover(pool, "whole")

    assert graveyard.due() == [sweep]
    assert graveyard.due(sweep_id=sweep) == [sweep]
    with transaction(pool) as connection:  # a look counts from some seconds before it
        connection.execute("UPDATE graveyard_looks SET looked_at = now() - INTERVAL '9 s'")
    assert graveyard.write(sweep) == 2
    look_now(pool)
    assert graveyard.due() == []
    assert graveyard.due(sweep_id=sweep) == []


def test_files_that_cost_more_every_day_make_no_page_due(
    pool: Pool, graveyard: PostgresGraveyard
) -> None:
    sweep = a_sweep(pool)
    charge(pool, sweep)
    graveyard.write(sweep)
    look_now(pool)

    for day in range(1, 4):
        charge(pool, sweep, category="storage", day=dt.date(2026, 2, day))

        assert graveyard.due() == []
        assert graveyard.due(sweep_id=sweep) == []
    assert graveyard.write(sweep) == 1


def test_the_ledger_of_the_present_day_counts_for_the_one_page_that_is_asked_for(
    pool: Pool, graveyard: PostgresGraveyard
) -> None:
    sweep = a_sweep(pool)
    graveyard.write(sweep)
    look_now(pool)

    charge(pool, sweep)
    cover(pool, "half")

    assert graveyard.due() == []
    assert graveyard.due(sweep_id=sweep) == [sweep]


def test_a_page_that_is_set_aside_holds_up_no_other(
    pool: Pool, graveyard: PostgresGraveyard
) -> None:
    broken, fine = a_sweep(pool), a_sweep(pool, SECOND)
    graveyard.set_aside(broken, "no\x00 forest")

    assert graveyard.due() == [fine]
    with transaction(pool) as connection:
        connection.execute("UPDATE graveyard_failures SET failed_at = now() - INTERVAL '61 min'")
    assert set(graveyard.due()) == {broken, fine}
    graveyard.write(broken)
    with transaction(pool) as connection:
        assert connection.execute("SELECT FROM graveyard_failures").fetchall() == []


def test_what_is_due_reads_no_run_of_sweeps_that_have_their_page(
    pool: Pool, graveyard: PostgresGraveyard
) -> None:
    sweep = a_sweep(pool)
    graveyard.write(sweep)
    look_now(pool)
    with transaction(pool) as connection:
        connection.execute(
            "INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version, spec_digest,"
            " source_dir, created_by, created_at, state, ended_at)"
            " SELECT 'old-' || n, tenant_id, experiment_id, spec, spec_version, spec_digest,"
            " source_dir, created_by, now() - n * INTERVAL '1 hour', 'completed',"
            " now() - n * INTERVAL '30 min'"
            " FROM sweeps, generate_series(1, 10000) AS n"
        )
        connection.execute(
            "INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by,"
            " state, ended_at)"
            " SELECT sweep_id || '-' || n, tenant_id, experiment_id, sweep_id, n, 1, created_by,"
            " 'completed', ended_at"
            " FROM sweeps, generate_series(1, 3) AS n WHERE sweep_id LIKE 'old-%'"
        )
        connection.execute(
            "INSERT INTO tag_changes (run_id, name, changed_by, changed_at)"
            " SELECT run_id, 'keeper', 'ana', ended_at FROM runs WHERE sweep_id LIKE 'old-%'"
        )
        connection.execute(
            "INSERT INTO cost_days (day, covered_until, price_version, entries, replaced_at)"
            " SELECT day, day + INTERVAL '1 day', 1, 1, day + INTERVAL '1 day'"
            " FROM generate_series(current_date - 400, current_date - 1, INTERVAL '1 day') AS day"
        )
        connection.execute(
            "INSERT INTO graveyard_looks SELECT 'old-' || n, 1, now(), 0"
            " FROM generate_series(1, 10000) AS n"
        )
        connection.execute("ANALYZE sweeps, runs, graveyard_looks, tag_changes, cost_days")
        query = "EXPLAIN (ANALYZE, FORMAT JSON) " + queries.load("graveyard")["due"]
        parameters = {"sweep_id": None, "limit": 1}
        (plan,) = connection.execute(query, parameters).fetchone() or ([],)

    assert graveyard.due() == []
    assert rows_read(plan[0]["Plan"], "runs") < 5_000  # of 30 000: those whose tags changed of late
    assert plan[0]["Execution Time"] < 1_000  # in ms; some tens on an idle machine


def test_pages_are_found_by_their_words(pool: Pool, graveyard: PostgresGraveyard) -> None:
    zebras, horses = a_sweep(pool), a_sweep(pool, SECOND, purpose="Whether horses gallop.")
    TagStore(pool).set(parse_subject(horses), Tag("team", "x"), tenant_id=TENANT, by="ana")
    for sweep in (zebras, horses):
        graveyard.write(sweep)

    def found(words: str | None, **filters: str) -> set[str]:
        entries = graveyard.search(words, tenant_id=TENANT, **filters)  # pyright: ignore[reportArgumentType]  names of filters
        return {entry.sweep_id for entry in entries}

    assert found("zebra") == {zebras}
    assert found("zebras or galloping") == {zebras, horses}
    assert found("whether -zebras") == {horses}
    assert found('"horses gallop"') == {horses}
    assert found(None, tag="team") == {horses}
    assert found(None, experiment="digits") == {zebras, horses}
    assert found(None, experiment="faces") == set()
    assert found("abc123") == {zebras, horses}
    for odd in ("", "'", "a & | !", "\x00", "\ud800", "(", "<->", ":*"):
        found(odd)


def test_only_the_newest_version_is_found(pool: Pool, graveyard: PostgresGraveyard) -> None:
    sweep = a_sweep(pool)
    note = NoteStore(pool).add(parse_subject(sweep), "giraffe", tenant_id=TENANT, by="ana")
    graveyard.write(sweep)
    NoteStore(pool).edit(parse_subject(sweep), note.note_id, None, tenant_id=TENANT, by="ana")
    graveyard.write(sweep)

    assert graveyard.search("giraffe", tenant_id=TENANT) == []


def test_the_last_takeaway_counts(pool: Pool, graveyard: PostgresGraveyard) -> None:
    sweep = a_sweep(pool)
    graveyard.write(sweep)
    proposed = graveyard.confirm(sweep, None, tenant_id=TENANT, by="ana")
    assert proposed == graveyard.entry(sweep, tenant_id=TENANT).proposal

    graveyard.confirm(sweep, "Stripes suffice.", tenant_id=TENANT, by="ben")
    graveyard.write(sweep)

    entry = graveyard.entry(sweep, tenant_id=TENANT)
    assert (entry.takeaway, entry.confirmed_by) == ("Stripes suffice.", "ben")
    assert "Stripes suffice." in entry.markdown
    for text in ("", " ", "x" * 2001, "a\x00", "\ud800"):
        with pytest.raises(InvalidTakeaway):
            graveyard.confirm(sweep, text, tenant_id=TENANT, by="ben")


def test_another_tenant_reads_and_confirms_nothing(
    pool: Pool, graveyard: PostgresGraveyard
) -> None:
    sweep = a_sweep(pool)
    graveyard.write(sweep)

    assert graveyard.search("zebra", tenant_id=OTHER) == []
    with pytest.raises(SweepNotFound):
        graveyard.entry(sweep, tenant_id=OTHER)
    for text in (None, "mine"):
        with pytest.raises(SweepNotFound):
            graveyard.confirm(sweep, text, tenant_id=OTHER, by="eve")
    assert graveyard.resembling(a_spec(tenant="other"), []) == []


def test_a_new_sweep_is_told_what_resembles_it(pool: Pool, graveyard: PostgresGraveyard) -> None:
    sweep = a_sweep(pool)
    graveyard.write(sweep)
    graveyard.confirm(sweep, "Stripes suffice.", tenant_id=TENANT, by="ben")

    (found,) = graveyard.resembling(a_spec(space=a_space(x=Float(low=0.5, high=1.5))), [])

    assert found.sweep_id == sweep
    assert found.overlap == pytest.approx(0.5)
    assert found.best == 1.0
    assert (found.takeaway, found.is_confirmed) == ("Stripes suffice.", True)


def test_two_that_write_at_once_make_one_version(pool: Pool, graveyard: PostgresGraveyard) -> None:
    from concurrent.futures import ThreadPoolExecutor

    sweep = a_sweep(pool)
    with ThreadPoolExecutor(3) as threads:
        versions = list(threads.map(graveyard.write, [sweep] * 3))

    assert versions == [1, 1, 1]


class Torn(PostgresGraveyard):
    """One in which the facts of one sweep cannot be read."""

    def facts(self, sweep_id: SweepId) -> EntryFacts:
        if sweep_id == SWEEP:
            raise ValueError("no forest")
        return super().facts(sweep_id)


def test_one_dagster_run_writes_all_pages_that_can_be_written(pool: Pool) -> None:
    graveyard = Torn(pool)
    a_sweep(pool)
    fine = a_sweep(pool, SECOND)

    result = dg.materialize_to_memory([graveyard_entries], resources={"graveyard": graveyard})

    (event,) = result.asset_materializations_for_node("graveyard_entries")
    metadata = {name: value.value for name, value in event.metadata.items()}
    assert (metadata["written"], metadata["failed_sweeps"]) == (1, [SWEEP])
    assert graveyard.entry(fine, tenant_id=TENANT).version == 1
    assert graveyard.due() == []
    with transaction(pool) as connection:
        told = connection.execute("SELECT sweep_id, reason FROM graveyard_failures").fetchall()
    assert told == [(SWEEP, "ValueError: no forest")]


def test_where_hints_are_off_nobody_is_told_and_elsewhere_they_stay(
    pool: Pool, graveyard: PostgresGraveyard
) -> None:
    sweep = a_sweep(pool)
    graveyard.write(sweep)
    apply(pool, FEATURES, 'features: {graveyard_hints: {on: false, experiments: ["smoke-*"]}}')

    assert graveyard.resembling(a_spec(experiment="smoke-1"), []) == []
    assert [one.sweep_id for one in graveyard.resembling(a_spec(), [])] == [sweep]
