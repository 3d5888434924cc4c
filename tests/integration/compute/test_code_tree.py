"""Work trees are made again from what was captured of them, whatever state they were in."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from sweepworks.provenance.code import CodeState, code_state

from compute.code_source import CodeSource, CodeUnavailable, find_code
from compute.code_tree import Code, check_script, make_tree

BINARY = bytes(range(256)) * 4


def git(root: Path, *arguments: str) -> str:
    who = {f"GIT_{a}_{b}": "x@y" for a in ("AUTHOR", "COMMITTER") for b in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=root, env={"PATH": os.environ["PATH"], "HOME": str(root), **who},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def commit(root: Path) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "m")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "trunk")
    (root / "train.py").write_text("print(1)\n")
    (root / "data.bin").write_bytes(BINARY)
    (root / "run.sh").write_text("true\n")
    (root / "run.sh").chmod(0o755)
    commit(root)
    return root


def files(root: Path) -> Mapping[str, bytes | str]:
    """All there is but git's own; links as where they lead."""
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in root.rglob("*")
        if ".git" not in path.parts and (path.is_symlink() or path.is_file())
    }


def source_of(state: CodeState, folder: Path, near: Path) -> CodeSource | None:
    if state.commit is None:
        return None
    return find_code(state.commit, remote=state.remote, near=[near], fetched=folder / "fetched")


def again(state: CodeState, folder: Path, near: Path) -> Path:
    """The tree made again in `folder`."""
    source = source_of(state, folder, near)
    code = Code(source=source, remote=state.remote, patch=state.patch, archive=state.files.archive)
    make_tree(folder / "tree", code)
    return folder / "tree"


def clean(_: Path) -> None:
    """As it was committed."""


def dirty(root: Path) -> None:
    (root / "train.py").write_text("print(2)\n")
    (root / "data.bin").write_bytes(BINARY[::-1])
    (root / "new").mkdir()
    (root / "new" / "a b.py").write_bytes(b"\xff\x00new")
    (root / "link").symlink_to("train.py")
    (root / "run.sh").unlink()


def staged(root: Path) -> None:
    (root / "train.py").write_text("print(2)\n")
    (root / "added.py").write_text("x")
    git(root, "add", "-A")
    (root / "train.py").write_text("print(3)\n")


def detached(root: Path) -> None:
    git(root, "checkout", "-q", "--detach")
    (root / "train.py").write_text("print(2)\n")


def renamed(root: Path) -> None:
    git(root, "mv", "train.py", "fit.py")
    (root / "fit.py").chmod(0o755)


@pytest.mark.parametrize("change", [clean, dirty, staged, detached, renamed])
def test_a_tree_is_as_it_was(repo: Path, tmp_path: Path, change) -> None:
    change(repo)
    before, state = files(repo), code_state(repo)
    git(repo, "stash", "-u", "-q") if change is not clean else None
    (repo / "train.py").write_text("print('later')\n")
    commit(repo)

    tree = again(state, tmp_path / "made", repo)

    assert files(tree) == before
    seen = code_state(tree)
    assert (seen.commit, seen.patch, seen.files.archive) == (
        state.commit, state.patch, state.files.archive,
    )  # fmt: skip
    assert seen.is_dirty == state.is_dirty


def test_nothing_is_noted_in_the_repository_that_lends_its_objects(
    repo: Path, tmp_path: Path
) -> None:
    state = code_state(repo)
    before = git(repo, "worktree", "list"), git(repo, "for-each-ref"), git(repo, "status")

    again(state, tmp_path / "made", repo)

    assert (
        git(repo, "worktree", "list"), git(repo, "for-each-ref"), git(repo, "status"),
    ) == before  # fmt: skip


def test_hooks_do_not_run(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[core]\nhooksPath = {hooks}\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    again(code_state(repo), tmp_path / "made", repo)

    assert not (tmp_path / "ran").exists()


def test_a_repository_without_commits(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    (root / "staged.py").write_text("1")
    git(root, "add", "-A")
    (root / "loose.bin").write_bytes(BINARY)
    before = files(root)

    tree = again(code_state(root), tmp_path / "made", root)

    assert files(tree) == before


def test_no_git_at_all(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    (root / "deep").mkdir(parents=True)
    (root / "train.py").write_text("1")
    (root / "deep" / "model.py").write_text("2")
    before = files(root)

    tree = again(code_state(root), tmp_path / "made", root)

    assert files(tree) == before
    assert not (tree / ".git").exists()


@pytest.fixture
def with_submodule(repo: Path, tmp_path: Path) -> Path:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    (other / "lib.py").write_text("1")
    commit(other)
    git(repo, "submodule", "-q", "add", str(other), "libs/other")
    commit(repo)
    return repo


def test_submodules_are_taken_from_where_they_are_checked_out(
    with_submodule: Path, tmp_path: Path
) -> None:
    before, state = files(with_submodule), code_state(with_submodule)

    source = source_of(state, tmp_path / "made", with_submodule)
    tree = again(state, tmp_path / "made", with_submodule)

    assert source is not None
    assert [path for path, _ in source.submodules()] == ["libs/other"]
    assert files(tree) == before
    assert not code_state(tree).is_dirty


def test_a_submodule_at_another_commit_than_the_recorded_one(
    with_submodule: Path, tmp_path: Path
) -> None:
    (with_submodule / "libs" / "other" / "lib.py").write_text("2")
    commit(with_submodule / "libs" / "other")
    before, state = files(with_submodule), code_state(with_submodule)

    tree = again(state, tmp_path / "made", with_submodule)

    assert state.is_dirty
    assert files(tree) == before


def test_a_submodule_that_is_not_here_is_said(with_submodule: Path, tmp_path: Path) -> None:
    state = code_state(with_submodule)
    git(with_submodule, "submodule", "-q", "deinit", "-f", "--all")
    source = source_of(state, tmp_path / "made", with_submodule)
    assert source is not None
    (path, at) = source.submodules()[0]

    with pytest.raises(CodeUnavailable, match="libs/other"):
        again(state, tmp_path / "made", with_submodule)

    assert source.submodule(path, at) is None


def test_files_of_lfs_are_noticed(repo: Path, tmp_path: Path) -> None:
    plain = source_of(code_state(repo), tmp_path, repo)
    (repo / "deep").mkdir()
    (repo / "deep" / ".gitattributes").write_text("*.pt filter=lfs diff=lfs merge=lfs -text\n")
    commit(repo)

    found = source_of(code_state(repo), tmp_path, repo)

    assert plain is not None
    assert found is not None
    assert (plain.has_lfs, found.has_lfs) == (False, True)


def test_a_patch_that_does_not_fit_is_said(repo: Path, tmp_path: Path) -> None:
    (repo / "train.py").write_text("print(2)\n")
    state = code_state(repo)
    code = Code(
        source=source_of(state, tmp_path, repo), remote=None,
        patch=state.patch.replace(b"-print(1)", b"-print(9)"), archive=b"",
    )  # fmt: skip

    with pytest.raises(CodeUnavailable, match="does not fit"):
        make_tree(tmp_path / "tree", code)


def test_a_patch_writes_nothing_outside(repo: Path, tmp_path: Path) -> None:
    patch = b"--- /dev/null\n+++ b/../../evil\n@@ -0,0 +1 @@\n+x\n"
    code = Code(
        source=source_of(code_state(repo), tmp_path, repo), remote=None, patch=patch, archive=b""
    )

    with pytest.raises(CodeUnavailable):
        make_tree(tmp_path / "deep" / "deeper" / "tree", code)

    assert list(tmp_path.rglob("evil")) == []


def test_a_commit_that_is_only_at_its_remote_is_fetched(repo: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repo), str(clone))
    (clone / "train.py").write_text("print(2)\n")
    state, before = code_state(clone), files(clone)

    tree = again(state, tmp_path / "made", tmp_path)

    assert files(tree) == before
    assert code_state(tree).remote == str(repo)


def test_a_commit_that_nobody_has_any_more_is_said(repo: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repo), str(clone))
    (clone / "train.py").write_text("print(2)\n")
    gone = commit(clone)

    with pytest.raises(CodeUnavailable, match=gone):
        find_code(gone, remote=str(repo), near=[repo], fetched=tmp_path / "fetched")
    with pytest.raises(CodeUnavailable, match="no remote"):
        find_code(gone, remote=None, near=[repo, tmp_path / "none"], fetched=tmp_path / "fetched")


@pytest.mark.parametrize("commit", ["--upload-pack=x", "HEAD", "", "c" * 39, "C" * 40])
def test_what_is_no_commit_is_never_given_to_git(tmp_path: Path, commit: str) -> None:
    with pytest.raises(CodeUnavailable, match="no commit"):
        find_code(commit, remote=None, near=[tmp_path], fetched=tmp_path)


@pytest.mark.parametrize("remote", ["--upload-pack=touch x", "ext::sh -c touch% x"])
def test_a_remote_runs_nothing(tmp_path: Path, remote: str) -> None:
    with pytest.raises(CodeUnavailable):
        find_code("c" * 40, remote=remote, near=[], fetched=tmp_path / "fetched")

    assert list(tmp_path.rglob("x")) == []


def test_a_commit_that_no_branch_has_is_still_there(repo: Path, tmp_path: Path) -> None:
    (repo / "train.py").write_text("print(2)\n")
    commit(repo)
    state, before = code_state(repo), files(repo)
    git(repo, "reset", "-q", "--hard", "HEAD~1")

    assert files(again(state, tmp_path / "made", repo)) == before


def test_a_shallow_clone_will_do(repo: Path, tmp_path: Path) -> None:
    (repo / "train.py").write_text("print(2)\n")
    commit(repo)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", str(clone))
    state, before = code_state(clone), files(clone)

    assert files(again(state, tmp_path / "made", clone)) == before


def test_the_script_is_held_to_its_digest(repo: Path, tmp_path: Path) -> None:
    tree = again(code_state(repo), tmp_path / "made", repo)
    digest = "6b17a3f4ed36d6d2a4c5dbcbbd2f6bbbd1a6e1a9fdb5b1c9e5b26a42e5dd6d2d"

    check_script(tree, "train.py", None)
    for path, sha256 in (("train.py", digest), ("none.py", None), ("../repo/train.py", None)):
        with pytest.raises(CodeUnavailable):
            check_script(tree, path, sha256)
