"""Code that no commit has as it is, is refused where that is asked for."""

import subprocess
import sys
from pathlib import Path

import pytest
from sweepworks.provenance.work_tree import NotClean, require_clean, work_tree

from tests.fake_gateway import FakeGateway
from tests.unit.sdk.test_code_state import commit, git


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "trunk")
    (root / "train.py").write_text("print(1)\n")
    return root


def test_a_clean_tree_is_let_through(repo: Path) -> None:
    at = commit(repo)
    (repo / ".sweepworks").mkdir()
    (repo / ".sweepworks" / "id").write_text("a home is no code")

    tree = require_clean(repo)

    assert (tree.commit, tree.branch, tree.differing) == (at, "trunk", [])


def test_what_differs_is_named_with_what_to_do(repo: Path) -> None:
    commit(repo)
    (repo / "train.py").write_text("print(2)\n")
    for n in range(4):
        (repo / f"new{n}.py").touch()

    with pytest.raises(NotClean, match=r"train\.py, new0\.py, new1\.py and 2 more differ.*stash"):
        require_clean(repo)

    assert len(work_tree(repo).differing) == 5


def test_without_a_commit_or_a_repository_nothing_is_clean(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()

    with pytest.raises(NotClean, match="no commit"):
        require_clean(repo)
    with pytest.raises(NotClean, match="git init"):
        require_clean(tmp_path / "plain")


SCRIPT = """
import sweepworks
try:
    run = sweepworks.init({given})
except ValueError as exc:
    print("refused", exc)
else:
    run.log({{"loss": 1.0}})
"""


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("by", ["argument", "variable"])
def test_a_run_that_requires_it_begins_with_clean_code_only(
    gateway: FakeGateway, repo: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = "require_clean=True" if by == "argument" else ""
    if by == "variable":
        monkeypatch.setenv("SWEEPWORKS_REQUIRE_CLEAN", "1")
    (repo / "train.py").write_text(SCRIPT.format(given=given))
    commit(repo)

    def train() -> str:
        return subprocess.check_output([sys.executable, repo / "train.py"], text=True, timeout=60)

    clean = train()
    n_flushes = len(gateway.flushes)
    (repo / "new.py").touch()
    dirty = train()

    assert clean == ""
    assert dirty.startswith("refused a clean work tree is required")
    assert "new.py differs" in dirty
    assert n_flushes > 0
    assert len(gateway.flushes) == n_flushes
