"""Policy files, checked and compared."""

import pytest

from sweeps.policies import (
    LONGEST_COMMENT,
    AppliedPolicy,
    ChangeKind,
    InvalidComment,
    InvalidPolicies,
    PolicyChange,
    UnknownPolicy,
    check_comment,
    check_files,
    require_kind,
)
from tests.policies_of_tests import TEA

KINDS = {"tea": TEA}


def _change(text: str, *, before: str, version: int) -> PolicyChange:
    applied = AppliedPolicy(value=1, text=before, version=version)
    return PolicyChange(kind=TEA, source="tea.yaml", before=applied, text=text)


def test_a_file_is_of_the_kind_it_is_named_after() -> None:
    assert check_files({"some/where/tea.yaml": "cups: 3"}, kinds=KINDS) == {
        "some/where/tea.yaml": TEA
    }


def test_everything_that_is_wrong_is_told_at_once() -> None:
    files = {"tea.yaml": "cups: 0\nmilk: 1", "te.yaml": "cups: 1", "x/tea.yml": "cups: 2"}

    with pytest.raises(InvalidPolicies) as caught:
        check_files(files, kinds=KINDS)

    assert [problem.path for problem in caught.value.problems] == ["cups", "milk"]
    text = str(caught.value)
    assert "tea.yaml:1: cups: 0 is out of range" in text
    assert "te.yaml: 'te' is no kind of policy; did you mean 'tea'?" in text
    assert "x/tea.yml: 'tea' is in tea.yaml already" in text


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(UnknownPolicy, match="there are: tea"):
        require_kind("dragons", kinds=KINDS)


@pytest.mark.parametrize(
    ("text", "version", "change"),
    [
        ("cups: 1", 0, ChangeKind.NEW),
        ("cups: 2", 0, ChangeKind.NEW),
        ("cups: 1", 4, ChangeKind.SAME),
        ("cups: 2", 4, ChangeKind.CHANGED),
    ],
)
def test_a_change_says_what_it_does(text: str, version: int, change: ChangeKind) -> None:
    assert _change(text, before="cups: 1", version=version).change is change


def test_a_difference_names_both_sides() -> None:
    lines = _change("cups: 2", before="cups: 1", version=4).diff()

    assert lines[:2] == ["--- tea (version 4)", "+++ tea.yaml"]
    assert lines[-2:] == ["-cups: 1", "+cups: 2"]


@pytest.mark.parametrize("length", [0, LONGEST_COMMENT])
def test_a_comment_of_some_lines_is_kept(length: int) -> None:
    assert check_comment("x" * length) == "x" * length


def test_a_comment_that_nobody_would_read_is_refused() -> None:
    with pytest.raises(InvalidComment, match="at most 1000 characters, and this one has 100000"):
        check_comment("x" * 100_000)
