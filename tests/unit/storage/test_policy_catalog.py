"""Every kind of policy: what no file of any may be."""

import importlib.resources

import pytest

from storage.policy_catalog import KINDS
from sweeps.policies import InvalidPolicies, check_files
from sweeps.sweep_files.documents import MAX_VALUES

_FIRST_KEYS = {  # of a file that was cut off after it
    "budgets": "budgets:",
    "naming": "default:",
    "orchestration": "ticks:",
    "prices": "gpu:",
    "promotion": "rules:",
    "quotas": "tenants:",
    "retention": "classes:",
}


def _messages(name: str, text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidPolicies) as caught:
        check_files({f"{name}.yaml": text}, kinds=KINDS)
    return caught.value.messages


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("text", ["", "\n", "# who may spend what\n", "---\n", "{}", "null"])
def test_a_file_that_says_nothing_is_refused(name: str, text: str) -> None:
    (message,) = _messages(name, text)

    assert f"it says nothing: applied, it would undo what {name} says now" in message
    assert f"`{KINDS[name].least}`" in message


@pytest.mark.parametrize(("name", "text"), _FIRST_KEYS.items())
def test_a_file_that_was_cut_off_after_its_first_key_is_refused(name: str, text: str) -> None:
    assert "it says nothing" in _messages(name, text)[0]


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_said_as_the_refusal_says(name: str) -> None:
    assert check_files({f"{name}.yaml": KINDS[name].least}, kinds=KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_the_file_that_ships_can_be_applied(name: str) -> None:
    kind = KINDS[name]
    text = (importlib.resources.files(kind.package) / kind.file_name).read_text(encoding="utf-8")

    assert check_files({kind.file_name: text}, kinds=KINDS)


@pytest.mark.parametrize("name", ["budgets", "prices", "promotion", "quotas"])
def test_a_version_that_was_applied_when_it_could_be_still_holds(name: str) -> None:
    parse = KINDS[name].parse

    assert parse("# nothing\n", source=name) == parse("{}", source=name)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "text", ["[" + "x, " * (MAX_VALUES + 1) + "]", "[" * 50, "#" * 2**20 + "\n"]
)
def test_a_file_that_no_person_wrote_is_called_what_it_is(name: str, text: str) -> None:
    (message,) = _messages(name, text)

    assert f"a file of the policy {name} is a page or two" in message
