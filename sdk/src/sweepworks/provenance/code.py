"""Which code a run is: a commit, and what differs from it."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from sweepworks.provenance.bundle import Bundle, bundle
from sweepworks.provenance.git import Git, GitFailed
from sweepworks.provenance.work_tree import LEFT_OUT, WorkTree, work_tree

MOST_PATCH_BYTES = 20_000_000
_SCP_PASSWORD = re.compile(r"^[^/@]*:[^/@]*@")
_CODE = {".py", ".ipynb", ".sh", ".yaml", ".yml", ".toml", ".json", ".cfg", ".ini", ".txt"}
_NO_CODE = {"node_modules", "site-packages", "__pycache__", "venv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeState:
    """A work tree as it was.

    Attributes:
        commit: None when there is none yet, or no repository.
        branch: None when the head is detached.
        remote: Where it can be fetched, without credentials.
        patch: Of tracked files against the commit, as `git apply` takes it, binaries included.
        files: What is in no commit: untracked files; changed files of Git LFS, of which a patch has
            the pointer only; without a repository, what may be code.
        left_out: Why something that would be needed is not there, a sentence each.
    """

    root: Path
    commit: str | None = None
    branch: str | None = None
    remote: str | None = None
    is_dirty: bool = False
    patch: bytes = b""
    files: Bundle = field(default_factory=lambda: Bundle(archive=b"", names=(), left_out=()))
    left_out: Sequence[str] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it can be made again from this."""
        return not self.left_out and not self.files.left_out


def code_state(folder: Path) -> CodeState:
    """The work tree that `folder` is in; without a repository, the code in `folder`.

    Takes two or three commands of git, some tens of milliseconds for ten thousand files.
    """
    try:
        return _of_repository(work_tree(folder))
    except GitFailed as exc:
        near = folder.resolve()
        return CodeState(root=near, files=bundle(near, _beside(near)), left_out=[str(exc)])


def _of_repository(tree: WorkTree) -> CodeState:
    git = Git(tree.root)
    left_out = [
        f"{path} is a submodule with changes of its own, which are not kept"
        for path in tree.submodules
    ]
    patch = b""
    if tree.changed:
        try:
            patch = _patch(git, tree.commit)
        except GitFailed as exc:
            left_out.append(f"the patch is not kept: {exc}")
    return CodeState(
        root=tree.root,
        commit=tree.commit,
        branch=tree.branch,
        remote=remote_of(git),
        is_dirty=bool(tree.differing),
        patch=patch,
        files=bundle(tree.root, [*tree.untracked, *_kept_by_lfs(git, tree.changed)]),
        left_out=left_out,
    )


def _patch(git: Git, commit: str | None) -> bytes:
    against = commit or git.run("hash-object", "-t", "tree", "--stdin").decode().strip()
    return git.run(
        "diff", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv",
        "--no-renames", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/",
        against, "--", ":/", LEFT_OUT,
        most_bytes=MOST_PATCH_BYTES,
    )  # fmt: skip


def _kept_by_lfs(git: Git, changed: Sequence[str]) -> list[str]:
    if not changed:
        return []
    try:
        found = git.fields(
            "check-attr", "-z", "--stdin", "filter",
            stdin=b"".join(os.fsencode(path) + b"\0" for path in changed),
        )  # fmt: skip
    except GitFailed:
        return []
    triples = zip(found[::3], found[2::3], strict=False)
    return [path for path, value in triples if value == "lfs" and (Path(path).name)]


def remote_of(git: Git) -> str | None:
    """Where the repository can be fetched, without credentials; None when that is not known."""
    try:
        names = git.text("remote").splitlines()
        name = "origin" if "origin" in names else next(iter(names), None)
        return None if name is None else without_credentials(git.text("remote", "get-url", name))
    except GitFailed:
        return None


def without_credentials(url: str) -> str:
    """A remote's address without user and password; the user of ssh stays, it is part of the address."""
    parts = urlsplit(url)
    if parts.scheme in {"http", "https", "ftp", "ftps"}:
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
        return urlunsplit((parts.scheme, f"{host}{port}", parts.path, "", ""))
    if parts.scheme and parts.password is not None:
        user = f"{parts.username}@" if parts.username else ""
        port = f":{parts.port}" if parts.port else ""
        return urlunsplit((parts.scheme, f"{user}{parts.hostname}{port}", parts.path, "", ""))
    return _SCP_PASSWORD.sub("", url) if "://" not in url else url


def _beside(folder: Path) -> list[str]:
    """Files that may be code, in a folder without a repository."""
    names: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _NO_CODE)
        if len(Path(parent).relative_to(folder).parts) >= 4:
            folders.clear()
        names += [
            str((Path(parent) / name).relative_to(folder))
            for name in files
            if Path(name).suffix in _CODE and not name.startswith(".")
        ]
        if len(names) > 10_000:  # the home folder of somebody, or worse
            break
    return names
