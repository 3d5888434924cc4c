"""Which code a run is: real repositories, in every state that people leave them in."""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweepworks.provenance import bundle as bundles
from sweepworks.provenance.bundle import bundle
from sweepworks.provenance.code import CodeState, code_state, without_credentials
from sweepworks.provenance.git import Git, GitFailed

BINARY = bytes(range(256)) * 4


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with one commit of two files."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "trunk")
    (root / "train.py").write_text("print(1)\n")
    (root / "data.bin").write_bytes(BINARY)
    commit(root)
    return root


def git(root: Path, *arguments: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        **{
            f"GIT_{who}_{what}": "x@y"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=root, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def commit(root: Path) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "m")
    return git(root, "rev-parse", "HEAD")


def files_in(archive: bytes) -> Mapping[str, bytes | str]:
    """Content of files, targets of links."""
    found: dict[str, bytes | str] = {}
    if archive:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar.getmembers():
                content = tar.extractfile(member) if member.isreg() else None
                found[member.name] = content.read() if content else member.linkname
    return found


def rebuilt(state: CodeState, source: Path, target: Path) -> Mapping[str, bytes]:
    """What comes out when the work tree is made again from the record alone."""
    git(source.parent, "clone", "-q", str(source), str(target))
    assert state.commit is not None
    git(target, "checkout", "-q", state.commit)
    if state.patch:
        patch = target.parent / "p.patch"
        patch.write_bytes(state.patch)
        git(target, "apply", "--binary", str(patch))
    for name, content in files_in(state.files.archive).items():
        assert isinstance(content, bytes)
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    return tree(target)


def tree(root: Path) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


def test_a_clean_tree_is_its_commit(repo: Path) -> None:
    git(repo, "remote", "add", "origin", "https://me:S3cret@host.example/team/code.git")

    state = code_state(repo / ".")

    assert state.commit == git(repo, "rev-parse", "HEAD")
    assert (state.branch, state.is_dirty, state.patch, state.left_out) == ("trunk", False, b"", [])
    assert state.remote == "https://host.example/team/code.git"
    assert state.is_whole


def test_what_differs_can_be_made_again(repo: Path, tmp_path: Path) -> None:
    (repo / "train.py").write_text("print(2)\n")
    (repo / "data.bin").write_bytes(BINARY[::-1])
    (repo / "staged.py").write_text("s = 1\n")
    git(repo, "add", "staged.py")
    (repo / "a folder").mkdir()
    (repo / "a folder" / "né\tw.py").write_text("n = 1\n")

    state = code_state(repo)

    assert (state.is_dirty, state.is_whole) == (True, True)
    assert rebuilt(state, repo, tmp_path / "again") == tree(repo)


def test_removed_and_renamed_files_are_in_the_patch(repo: Path, tmp_path: Path) -> None:
    git(repo, "mv", "train.py", "fit.py")
    (repo / "data.bin").unlink()

    assert rebuilt(code_state(repo), repo, tmp_path / "again") == tree(repo)


def test_the_same_state_is_the_same_bytes(repo: Path, tmp_path: Path) -> None:
    (repo / "train.py").write_text("print(2)\n")
    (repo / "new.py").write_text("x = 1\n")
    first = code_state(repo)
    os.utime(repo / "new.py", (1, 1))
    (repo / "new.py").chmod(0o600)

    again = code_state(repo)

    assert (first.patch, first.files.archive) == (again.patch, again.files.archive)


def test_a_detached_head_has_no_branch(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")

    assert code_state(repo).branch is None
    assert code_state(repo).commit is not None


def test_a_repository_without_commits_is_kept_whole(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "staged.py").write_text("s = 1\n")
    git(tmp_path, "add", "staged.py")
    (tmp_path / "new.py").write_text("n = 1\n")

    state = code_state(tmp_path)

    assert (state.commit, state.is_dirty, state.is_whole) == (None, True, True)
    assert b"staged.py" in state.patch
    assert list(files_in(state.files.archive)) == ["new.py"]


def test_without_a_repository_what_may_be_code_is_kept(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("h = 1\n")
    (tmp_path / "model.pt").write_bytes(b"no code")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "lib.py").write_text("v = 1\n")

    state = code_state(tmp_path)

    assert state.commit is None
    assert list(files_in(state.files.archive)) == ["helper.py", "train.py"]
    assert "not a git repository" in state.left_out[0]
    assert not state.is_whole


def test_without_git_it_says_so(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo))

    assert "git cannot be run" in code_state(repo).left_out[0]


def test_changes_within_a_submodule_are_told(repo: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    (library / "lib.py").write_text("l = 1\n")
    commit(library)
    git(repo, "submodule", "--quiet", "add", str(library), "vendored")
    commit(repo)
    assert code_state(repo).is_whole

    (repo / "vendored" / "lib.py").write_text("l = 2\n")

    state = code_state(repo)
    assert "vendored is a submodule with changes of its own" in state.left_out[0]
    assert state.is_dirty


def test_changed_files_of_lfs_are_kept_as_they_are(repo: Path) -> None:
    (repo / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (repo / "data.bin").write_bytes(b"weights")

    assert files_in(code_state(repo).files.archive)["data.bin"] == b"weights"


def test_links_stay_links_and_nothing_behind_them_is_read(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("S3cret")
    (repo / "link.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(repo / "pipe")

    state = code_state(repo)

    assert b"S3cret" not in state.files.archive
    assert files_in(state.files.archive) == {"link.txt": str(tmp_path / "secret.txt")}


def test_large_files_are_left_out_by_name(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MOST_FILE_BYTES", 100)
    (repo / "large.ckpt").write_bytes(bytes(101))
    (repo / "small.py").write_text("s = 1\n")

    state = code_state(repo)

    assert list(files_in(state.files.archive)) == ["small.py"]
    assert state.files.left_out == ["large.ckpt: 101 bytes are too many"]
    assert not state.is_whole


def test_a_home_is_no_code(repo: Path) -> None:
    (repo / ".sweepworks").mkdir()
    (repo / ".sweepworks" / "client.json").write_text("S3cret")

    state = code_state(repo)

    assert (state.is_dirty, state.files.archive) == (False, b"")


def test_what_a_repository_configures_is_not_run(repo: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    program = tmp_path / "program.sh"
    program.write_text(f"#!/bin/sh\ntouch {witness}\ncat\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command"):
        git(repo, "config", name, str(program))
    (repo / ".gitattributes").write_text("*.py diff=x\n")
    (repo / "train.py").write_text("print(3)\n")

    assert b"print(3)" in code_state(repo).patch
    assert not witness.exists()


def test_a_git_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(GitFailed, match="takes too long"):
        Git(tmp_path, seconds=0.2).run("status")


URLS = [
    ("https://user:S3cret@h.example/a.git", "https://h.example/a.git"),
    ("https://S3cret@h.example:8443/a.git?token=S3cret", "https://h.example:8443/a.git"),
    ("ssh://git:S3cret@h.example/a.git", "ssh://git@h.example/a.git"),
    ("git@h.example:team/a.git", "git@h.example:team/a.git"),
    ("user:S3cret@h.example:a.git", "h.example:a.git"),
    ("/srv/git/a.git", "/srv/git/a.git"),
]


@pytest.mark.parametrize(("url", "shown"), URLS)
def test_credentials_are_not_recorded(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@given(
    files=st.dictionaries(
        st.text("abc/", min_size=1, max_size=5).filter(
            lambda name: all(part for part in name.split("/"))
        ),
        st.binary(max_size=30),
        max_size=5,
    )
)
def test_a_bundle_is_the_same_whoever_packs_it(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept: dict[str, bytes] = {}
    archives: list[bytes] = []
    for _ in range(2):
        root = tmp_path_factory.mktemp("files")
        kept = {}
        for name, content in files.items():
            try:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)
                kept[name] = content
            except OSError:  # a file where a folder would be
                continue
        archives.append(bundle(root, kept).archive)

    assert archives[0] == archives[1]
    assert files_in(archives[0]) == kept
