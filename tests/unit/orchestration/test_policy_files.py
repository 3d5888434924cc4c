"""Policy files on disk."""

from pathlib import Path
from typing import Any

import pytest

from orchestration.policy_files import NoPolicyFiles, compare, find_files
from sweeps.errors import InvalidSweepFile
from sweeps.policies import AppliedPolicy, InvalidPolicies, PolicyKind
from tests.policies_of_tests import TEA


class Holding:
    """A store in which the same text holds for every kind."""

    def current(self, kind: PolicyKind[Any]) -> AppliedPolicy[Any]:
        return AppliedPolicy(value=1, text="cups: 1", version=1)


def test_without_paths_the_usual_folders_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "retention" / "policies"
    folder.mkdir(parents=True)
    (folder / "tea.yaml").write_text("cups: 2")
    (folder / "notes.txt").write_text("no policy")
    monkeypatch.chdir(tmp_path)

    assert find_files([]) == [Path("retention/policies/tea.yaml")]


def test_no_file_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoPolicyFiles, match="policy show KIND --text"):
        find_files([tmp_path])


def test_files_are_put_beside_what_holds(tmp_path: Path) -> None:
    (tmp_path / "tea.yaml").write_text("cups: 2")

    [change] = compare([tmp_path], store=Holding(), kinds={"tea": TEA})

    assert (change.text, change.before.text) == ("cups: 2", "cups: 1")


def test_one_bad_file_refuses_all(tmp_path: Path) -> None:
    (tmp_path / "tea.yaml").write_text("cups: many")

    with pytest.raises(InvalidPolicies, match="no whole number"):
        compare([tmp_path], store=Holding(), kinds={"tea": TEA})


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "tea.yaml").write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidSweepFile, match="not UTF-8"):
        compare([tmp_path], store=Holding(), kinds={"tea": TEA})
