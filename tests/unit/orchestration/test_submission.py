"""What is known of the code when a sweep is submitted, and when it is refused for that."""

from pathlib import Path

import pytest

from orchestration.submission import DirtyWorkTree, submission
from tests.unit.sdk.test_code_state import commit, git
from tests.unit.sweeps.sweep_texts import GOOD

STRICT = f"{GOOD}provenance: {{require_clean: true}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in no repository, that is also where the home would be."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.yaml").write_text(GOOD)
    return tmp_path


def test_the_state_of_the_code_is_noted_in_any_case(folder: Path) -> None:
    nowhere = submission(file=folder / "sweep.yaml").code
    git(folder, "init", "-q", "-b", "trunk")
    at = commit(folder)
    clean = submission(file=folder / "sweep.yaml").code
    (folder / "new.py").touch()
    dirty = submission(file=folder / "sweep.yaml").code

    assert (nowhere["commit"], nowhere["is_dirty"]) == (None, None)
    assert clean == {"commit": at, "branch": "trunk", "is_dirty": False, "differing": []}
    assert (dirty["is_dirty"], dirty["differing"]) == (True, ["new.py"])


def test_dirty_code_is_refused_where_the_file_asks_for_that(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(STRICT)
    with pytest.raises(DirtyWorkTree, match="git init"):
        submission(file=folder / "sweep.yaml")
    git(folder, "init", "-q")
    with pytest.raises(DirtyWorkTree, match="no commit"):
        submission(file=folder / "sweep.yaml")
    commit(folder)
    submission(file=folder / "sweep.yaml")
    (folder / "sweep.yaml").write_text(f"# edited\n{STRICT}")

    with pytest.raises(DirtyWorkTree, match=r"sweep\.yaml differs.*require_clean"):
        submission(file=folder / "sweep.yaml")
