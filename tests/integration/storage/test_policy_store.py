"""Policies in the database."""

import threading
from collections.abc import Generator

import psycopg
import pytest

from governance.cost.price_file import PRICES
from governance.cost.prices import Resource
from governance.naming_file import NAMING
from storage.database import Pool, open_pool, transaction
from storage.policy_catalog import KINDS
from storage.policy_store import PolicyStore
from sweeps.errors import StateConflict
from sweeps.policies import (
    DEFAULT_VERSION,
    ChangeKind,
    InvalidPolicies,
    PolicyChange,
    PolicyChanged,
    UnknownPolicy,
    check_files,
)
from tests.integration.policies import apply_long_ago
from tests.plugins.postgres import Database
from tests.policies_of_tests import TEA


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url) as opened:
        yield opened


@pytest.fixture
def store(pool: Pool) -> PolicyStore:
    return PolicyStore(pool)


def _change(store: PolicyStore, text: str) -> PolicyChange:
    return PolicyChange(kind=TEA, source="tea.yaml", before=store.current(TEA), text=text)


def test_without_any_the_default_holds(store: PolicyStore) -> None:
    policy = store.current(TEA)

    assert (policy.value, policy.version, policy.applied_by) == (1, DEFAULT_VERSION, "")
    assert policy.text.startswith("# As it ships.")


def test_what_is_applied_holds_for_everybody(store: PolicyStore, pool: Pool) -> None:
    assert store.apply([_change(store, "cups: 3")], by="ana", comment="guests") == {"tea": 1}

    policy = PolicyStore(pool).current(TEA)
    assert (policy.value, policy.version) == (3, 1)
    assert (policy.applied_by, policy.comment) == ("ana", "guests")


def test_every_version_stays(store: PolicyStore) -> None:
    for text in ("cups: 3", "cups: 4"):
        store.apply([_change(store, text)], by="ana", comment="")

    assert [row.version for row in store.history(TEA)] == [2, 1]
    assert store.at(TEA, 1).value == 3
    with pytest.raises(UnknownPolicy, match="no version 3"):
        store.at(TEA, 3)


def test_the_same_text_is_no_new_version(store: PolicyStore) -> None:
    store.apply([_change(store, "cups: 3")], by="ana", comment="")

    assert store.apply([_change(store, "cups: 3")], by="ben", comment="") == {"tea": 1}
    assert len(store.history(TEA)) == 1


def test_the_text_of_the_default_can_be_made_one_s_own(store: PolicyStore) -> None:
    default = store.current(TEA)
    change = _change(store, default.text)

    assert change.change is ChangeKind.NEW
    assert store.apply([change], by="ana", comment="as it is") == {"tea": 1}
    assert (store.current(TEA).version, store.current(TEA).text) == (1, default.text)
    assert _change(store, default.text).change is ChangeKind.SAME


def test_a_kind_whose_past_holds_is_read_with_all_its_versions(
    store: PolicyStore, pool: Pool
) -> None:
    for usd in (2, 5, 7):
        change = PolicyChange(
            kind=PRICES,
            source="prices.yaml",
            before=store.current(PRICES),
            text=f"gpu: [{{usd_per_gpu_hour: {usd}}}]",
        )
        store.apply([change], by="ana", comment="")
    applied = [row.applied_at for row in reversed(store.history(PRICES))]

    fresh = PolicyStore(pool)
    books = [fresh.at(PRICES, version).value for version in (3, 1, 2)]

    last = [
        fresh.at(PRICES, version).value.price(Resource.GPU, at=applied[2]) for version in (1, 2, 3)
    ]
    assert last == [2, 5, 7]
    assert [books[0].price(Resource.GPU, at=at) for at in applied] == [2, 5, 7]
    assert [one.until for one in books[0].earlier] == applied[1:]
    assert [store.at(PRICES, version).value for version in (3, 1, 2)] == books
    with pytest.raises(UnknownPolicy, match="no version 4"):
        fresh.at(PRICES, 4)


def test_a_change_that_somebody_overtook_is_refused(store: PolicyStore) -> None:
    late = _change(store, "cups: 5")
    store.apply([_change(store, "cups: 3")], by="ana", comment="")

    with pytest.raises(PolicyChanged, match="at version 1, not at 0"):
        store.apply([late], by="ben", comment="")
    assert store.current(TEA).value == 3


def test_of_many_at_once_one_is_applied(store: PolicyStore, pool: Pool) -> None:
    changes = [_change(store, f"cups: {cups}") for cups in range(2, 6)]
    results: list[object] = []

    def apply(change: PolicyChange) -> None:
        try:
            results.append(PolicyStore(pool).apply([change], by="x", comment=""))
        except PolicyChanged as exc:
            results.append(exc)

    threads = [threading.Thread(target=apply, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(result == {"tea": 1} for result in results) == 1
    assert len(store.history(TEA)) == 1


def test_a_version_cannot_be_rewritten(store: PolicyStore, pool: Pool) -> None:
    store.apply([_change(store, "cups: 3")], by="ana", comment="")

    with pytest.raises((StateConflict, psycopg.Error)), transaction(pool) as connection:
        connection.execute("UPDATE policies SET text = 'cups: 9'")
    assert store.current(TEA).value == 3


def test_a_pattern_that_is_refused_now_is_read_back_as_left_out(
    store: PolicyStore, pool: Pool
) -> None:
    text = "default: {experiment: {pattern: '(?=a)a', example: a}, purpose: {min_length: 9}}"
    apply_long_ago(pool, NAMING, text)

    found = store.current(NAMING)

    assert found.value.of("default").min_purpose == 9
    assert found.text == text
    (sentence,) = found.left_out
    assert sentence.startswith("default.experiment.pattern: '(?=a)a' is no pattern")
    with pytest.raises(InvalidPolicies):  # who writes it anew is told
        check_files({"naming.yaml": text}, kinds=KINDS)
