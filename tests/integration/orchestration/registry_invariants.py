"""What has to be true of models, versions and aliases at any time, read from the rows themselves."""

from dataclasses import dataclass

from governance.promotion.policy import Gate
from storage.promotion.registry import RegistryStore
from sweeps.ids import TenantId
from tests.integration.orchestration.promotion_world import PromotionWorld
from tests.integration.storage.lineage_world import TENANT

#: Everything that a promotion, a move or a judgement may write.
_TABLES = {
    "models": "model_id, name",
    "model_versions": "*",
    "promotions": "*",
    "model_aliases": "*",
    "gate_results": "*",
    "approvals": "*",
    "evaluations": "evaluation_id, state, reason, judged_at, ended_at",
    "lineage_edges": "upstream, downstream",
}


@dataclass(frozen=True, slots=True)
class _Meant:
    """What an alias means, and what it meant before: as a person remembers it."""

    number: int
    before: "_Meant | None"


def everything(world: PromotionWorld) -> dict[str, list[tuple[object, ...]]]:
    """All rows, so that before and after can be compared."""
    return {
        table: sorted(world.rows(f"SELECT {columns} FROM {table}"), key=repr)
        for table, columns in _TABLES.items()
    }


def check(world: PromotionWorld, versions: dict[int, str]) -> None:
    """Every invariant.

    Args:
        versions: As they were when they were seen first, by number; new ones are added.
    """
    _check_versions(world, versions)
    _check_promoted(world)
    _check_history(world)


def _check_versions(world: PromotionWorld, versions: dict[int, str]) -> None:
    """They have numbers without gaps, never change, never go, and have earned it."""
    found = dict(world.rows("SELECT number, model_versions::text FROM model_versions"))
    assert sorted(found) == list(range(1, len(found) + 1))
    for number, row in versions.items():
        assert found.get(number) == row, f"version {number} has changed"
    versions.update(found)
    gates = world.rows(
        "SELECT versions.number, array_agg(gate ORDER BY gate), bool_and(verdict = 'passed')"
        " FROM model_versions AS versions JOIN gate_results USING (evaluation_id)"
        " WHERE judgement = (SELECT max(judgement) FROM gate_results AS all_of"
        " WHERE all_of.evaluation_id = versions.evaluation_id) GROUP BY versions.number"
    )
    assert {number for number, _, _ in gates} == set(found)
    for number, judged, has_passed in gates:
        assert judged == sorted(Gate), f"version {number} was judged by {judged}"
        assert has_passed, f"version {number} has not passed every gate"


def _check_promoted(world: PromotionWorld) -> None:
    """A version, its move, its edge and the end of its evaluation are there together or not at all."""
    versions, promoted, moved = (
        world.rows(f"SELECT evaluation_id FROM {source} ORDER BY 1")
        for source in (
            "model_versions",
            "evaluations WHERE state = 'promoted'",
            "promotions WHERE kind = 'promoted'",
        )
    )
    assert versions == promoted == moved
    edges = world.rows("SELECT count(*) FROM lineage_edges WHERE downstream LIKE 'model:%%'")
    assert edges == [(len(versions),)]
    unapproved = world.rows(
        "SELECT evaluation_id FROM evaluations WHERE state = 'promoted'"
        " AND rule #> '{gates,approvals}' IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM approvals WHERE approvals.evaluation_id"
        " = evaluations.evaluation_id AND approved_by <> 'me')"
    )
    assert unapproved == []
    unmatched = world.rows(
        "SELECT evaluation_id FROM promotions JOIN evaluations USING (evaluation_id)"
        " WHERE rule #> '{gates,not_worse_than_production}' IS NOT NULL"
        " AND from_number IS DISTINCT FROM compared_with"
    )
    assert unmatched == [], "it was compared with what was not in production"
    several = world.rows(
        "SELECT run_id FROM evaluations WHERE ended_at IS NULL GROUP BY run_id HAVING count(*) > 1"
    )
    assert several == []


def _check_history(world: PromotionWorld) -> None:
    """Each alias has one holder, its moves are a chain, and going back goes to what was before."""
    moves = world.rows(
        "SELECT alias, kind, from_number, number FROM promotions ORDER BY promotion_id"
    )
    meant: dict[str, _Meant] = {}
    for alias, kind, from_number, number in moves:
        now = meant.get(alias)
        assert from_number == (None if now is None else now.number), "a gap in the history"
        assert from_number != number, "a move to where it was"
        if kind == "rolled_back":
            assert now is not None
            assert now.before is not None
            assert number == now.before.number, "it went elsewhere than back"
            meant[alias] = now.before
        else:
            meant[alias] = _Meant(number, now)
    held = world.rows("SELECT alias, number FROM model_aliases")
    assert sorted(held) == sorted((alias, now.number) for alias, now in meant.items())
    registry = RegistryStore(world.pool)
    for model in registry.models(tenant_id=TenantId(TENANT)):
        shown = registry.model(model.name, tenant_id=TENANT).versions
        holders = [alias for version in shown for alias in version.aliases]
        assert len(holders) == len(set(holders)), "two versions hold one alias"
        assert set(holders) == set(model.aliases)
