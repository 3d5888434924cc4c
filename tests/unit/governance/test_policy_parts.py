"""What one tenant may read of a policy."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from governance.policy_parts import class_part, part_of
from governance.quotas.quota import PriorityClass


def _part(document: object, kind: str = "quotas") -> Any:
    return part_of(document, kind=kind, tenant="vision")


def test_of_tenants_by_name_the_own_one_is_left() -> None:
    document = {"tenants": {"vision": {"weight": 2}, "speech": {"weight": 9}}, "backfill": True}

    assert _part(document) == {"tenants": {"vision": {"weight": 2}}, "backfill": True}


def test_of_tenants_in_a_list_the_own_one_is_left() -> None:
    document = {"tenants": [{"name": "speech"}, {"name": "vision", "link": "x"}]}

    assert _part(document) == {"tenants": [{"name": "vision", "link": "x"}]}


def test_entries_of_others_go_and_those_for_everybody_stay() -> None:
    document = {"rules": [{"tenant": "speech", "model": "a"}, {"tenant": "vis*"}, {"model": "b"}]}

    assert _part(document)["rules"] == [{"tenant": "vis*"}, {"model": "b"}]


def test_sums_over_all_tenants_are_nobody_s_to_read() -> None:
    document = {"budgets": [{"name": "all"}, {"name": "own", "tenant": "vision"}]}

    assert _part(document, "budgets")["budgets"] == [{"name": "own", "tenant": "vision"}]
    assert len(_part(document, "retention")["budgets"]) == 2


def test_values_of_an_environment_are_not_told() -> None:
    document = {"rules": [{"evaluation": {"environment": {"TOKEN": "secret"}}}]}

    assert "secret" not in json.dumps(_part(document))
    assert "TOKEN" in json.dumps(_part(document))


def test_experiments_of_tenants_that_are_not_told_are_not_told_either() -> None:
    rule = {"on": True, "experiments": ["secret-*"]}
    document = {
        "features": {
            "theirs": {**rule, "tenants": ["speech"]},
            "ours": {**rule, "tenants": ["vision", "speech"]},
            "all": {**rule, "tenants": []},
        }
    }

    part = _part(document, "features")["features"]

    assert part["theirs"] == {"on": True, "tenants": ["…"], "experiments": ["…"]}
    assert part["ours"] == {"on": True, "tenants": ["vision", "…"], "experiments": ["secret-*"]}
    assert part["all"] == document["features"]["all"]


def test_of_lists_of_names_the_own_ones_are_left_and_that_there_are_others() -> None:
    document = {
        "classes": {
            "urgent": {"value": 3, "tenants": ["speech", "vision"], "users": ["bob", "ana"]},
            "theirs": {"value": 2, "tenants": ["speech"], "users": ["bob"]},
            "ours": {"value": 1, "tenants": ["vision"], "users": ["ana"]},
            "nobody": {"value": 0, "tenants": [], "users": []},
        }
    }

    part: Any = part_of(document, kind="quotas", tenant="vision", users={"ana", "eve"})

    assert part["classes"] == {
        "urgent": {"value": 3, "tenants": ["vision", "…"], "users": ["ana", "…"]},
        "theirs": {"value": 2, "tenants": ["…"], "users": ["…"]},
        "ours": {"value": 1, "tenants": ["vision"], "users": ["ana"]},
        "nobody": {"value": 0, "tenants": [], "users": []},
    }


def test_weights_of_the_own_users_are_the_tenant_s_own() -> None:
    document = {"tenants": {"vision": {"users": {"zoe": 2}}}}

    assert _part(document) == document


_NAMES = st.sampled_from(["vision", "speech", "robots"])
_ENTRY = st.fixed_dictionaries({"tenant": _NAMES, "note": st.text(max_size=5)})
_DOCUMENTS = st.recursive(
    st.integers() | _ENTRY,
    lambda inner: (
        st.lists(inner | _ENTRY, max_size=4)
        | st.dictionaries(st.sampled_from(["rules", "budgets", "x"]), inner, max_size=3)
        | st.fixed_dictionaries({"tenants": st.dictionaries(_NAMES, st.integers(), max_size=3)})
    ),
    max_leaves=20,
)


@given(st.lists(_DOCUMENTS, max_size=4), st.sampled_from(["quotas", "budgets"]))
def test_no_other_tenant_is_ever_named_in_a_list_of_entries(document: Any, kind: str) -> None:
    told = json.dumps(part_of({"rules": document}, kind=kind, tenant="vision"))

    for entry in ('{"tenant": "speech"', '{"tenant": "robots"'):
        assert f"[{entry}" not in told
        assert f", {entry}" not in told


def test_of_a_class_of_priority_names_of_others_are_not_told() -> None:
    for_all = PriorityClass(name="normal", value=0)
    for_two = PriorityClass(
        name="urgent", value=1, tenants=("vision", "speech"), users=("zoe", "ana"), max_trials=4
    )

    assert class_part(for_all, tenant="vision", users={"ana"}) == for_all
    part = class_part(for_two, tenant="vision", users={"ana"})
    assert (part.tenants, part.users) == (("vision", "…"), ("ana", "…"))
    assert (part.name, part.value, part.max_trials) == ("urgent", 1, 4)
