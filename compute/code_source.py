"""Where a commit can be had: in a repository of this machine, else from its remote."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sweepworks.provenance.git import Git, GitFailed

from sweeps.errors import PermanentError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LOOK_SECONDS = 30.0
_FETCH_SECONDS = 300.0


class CodeUnavailable(PermanentError):
    """Code that cannot be had, with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSource:
    """A repository that has the commit."""

    repository: Path  #: a folder in it; bare, when it was fetched
    commit: str
    is_fetched: bool = False

    @property
    def objects(self) -> Path:
        """Where its objects are."""
        return self._inner("objects")

    @property
    def shallow(self) -> Path:
        """The file that says where its history ends; only shallow ones have it."""
        return self._inner("shallow")

    def _inner(self, name: str) -> Path:
        return self.repository / self._git().text("rev-parse", "--git-path", name)

    def submodules(self) -> list[tuple[str, str]]:
        """Path and commit of each submodule of the commit."""
        git = self._git()
        if not has_object(self.repository, f"{self.commit}:.gitmodules"):
            return []
        entries = git.fields("ls-tree", "-r", "-z", "--full-tree", self.commit)
        return [
            (path, words.split()[2])
            for words, _, path in (entry.partition("\t") for entry in entries)
            if words.startswith("160000 ")
        ]

    def submodule(self, path: str, commit: str) -> "CodeSource | None":
        """A submodule as it is checked out in this repository, if it has the commit."""
        folder = self.repository / path
        if self.is_fetched or not folder.resolve().is_relative_to(self.repository.resolve()):
            return None
        is_own = (folder / ".git").exists()  # else git would look into the one around it
        if not is_own or not has_object(folder, f"{commit}^{{commit}}"):
            return None
        return CodeSource(repository=folder, commit=commit)

    @property
    def has_lfs(self) -> bool:
        """Whether files of the commit are kept by Git LFS."""
        try:
            self._git().run(
                "grep", "-q", "-e", "filter=lfs", self.commit, "--", ":(glob)**/.gitattributes"
            )
        except GitFailed:  # nothing found is a failure, too
            return False
        return True

    @property
    def can_read_lfs(self) -> bool:
        """Whether git brings such files here."""
        try:
            return bool(self._git().text("config", "--get", "filter.lfs.smudge"))
        except GitFailed:
            return False

    def _git(self) -> Git:
        return Git(self.repository, seconds=_LOOK_SECONDS)


def find_code(
    commit: str, *, remote: str | None, near: Iterable[Path], fetched: Path
) -> CodeSource:
    """The first repository that has the commit.

    Args:
        remote: Asked last.
        near: Folders on this machine, in repositories or not, likeliest first.
        fetched: Folder of what is brought from remotes.

    Raises:
        CodeUnavailable: Nobody has it.
    """
    if not _COMMIT.fullmatch(commit):
        raise CodeUnavailable(f"{commit[:80]!r} is no commit")
    for folder in near:
        if folder.is_dir() and has_object(folder, f"{commit}^{{commit}}"):
            return CodeSource(repository=_top(folder), commit=commit)
    if remote is None:
        raise CodeUnavailable(
            f"commit {commit} is in no repository here, and no remote is recorded; name one with "
            "--repository"
        )
    return _fetch(commit, remote, fetched)


def has_object(folder: Path, name: str) -> bool:
    """Whether the repository that `folder` is in has an object."""
    try:
        Git(folder, seconds=_LOOK_SECONDS).run("cat-file", "-e", name)
    except GitFailed:
        return False
    return True


def _top(folder: Path) -> Path:
    try:
        return Path(Git(folder, seconds=_LOOK_SECONDS).text("rev-parse", "--show-toplevel"))
    except GitFailed:  # bare
        return folder


def _fetch(commit: str, remote: str, fetched: Path) -> CodeSource:
    if remote.startswith("-"):
        raise CodeUnavailable(f"{remote[:80]!r} is no address of a repository")
    folder = fetched / hashlib.sha256(remote.encode()).hexdigest()[:16]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    git = Git(folder, seconds=_FETCH_SECONDS)
    form = "sha256" if len(commit) == 64 else "sha1"
    try:
        git.run("init", "-q", "--bare", "--template=", f"--object-format={form}")
        if not has_object(folder, f"{commit}^{{commit}}"):
            _bring(git, commit, remote)
    except GitFailed as exc:
        raise CodeUnavailable(
            f"commit {commit} is in no repository here, and {remote} does not give it: {exc}"
        ) from exc
    if not has_object(folder, f"{commit}^{{commit}}"):
        raise CodeUnavailable(f"commit {commit} is in no repository here, and gone from {remote}")
    return CodeSource(repository=folder, commit=commit, is_fetched=True)


def _bring(git: Git, commit: str, remote: str) -> None:
    """The commit alone, where the server gives it by its name; else all that it shows."""
    try:
        git.run("fetch", "-q", "--no-tags", "--depth=1", "--", remote, commit)
    except GitFailed:
        git.run("fetch", "-q", "--no-tags", "--", remote, "+refs/*:refs/remotes/all/*")
