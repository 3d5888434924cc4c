"""A work tree made again: a commit, the patch that was on it, and the files that were in none.

It is a repository of its own that borrows the objects of another one, so nothing is noted there and
to remove it is to remove its folder.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sweepworks.provenance.git import Git, GitFailed

from compute.archives import unpack
from compute.code_source import CodeSource, CodeUnavailable

_SECONDS = 600.0
_IGNORED = "core.hooksPath=/dev/null"  # nobody's hooks run here, those of their own config included


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a work tree is made of."""

    source: CodeSource | None  #: None: there was no commit
    remote: str | None
    patch: bytes
    archive: bytes


def make_tree(folder: Path, code: Code, *, is_forced: bool = False) -> None:
    """Make the tree in `folder`, which is created.

    Args:
        is_forced: Leave submodules empty that are not here.

    Raises:
        CodeUnavailable: The patch does not fit, or a part is not there.
        UnsafeArchive: The files are not what was packed.
        OSError: The folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True)
    try:
        if code.source is not None or code.patch:
            _init(folder, code.source, code.remote)
        if code.source is not None:
            Git(folder, seconds=_SECONDS).run("checkout", "-q", "--detach", code.source.commit)
    except GitFailed as exc:
        raise CodeUnavailable(f"the commit cannot be checked out: {exc}") from exc
    if code.patch:
        try:
            Git(folder, seconds=_SECONDS).run(
                "apply", "--index", "--whitespace=nowarn", "-", stdin=code.patch
            )
        except GitFailed as exc:
            raise CodeUnavailable(f"the patch does not fit its commit: {exc}") from exc
    if code.source is not None:
        _fill_submodules(folder, code.source, is_forced=is_forced)
    if code.archive:
        unpack(code.archive, folder)


def check_script(folder: Path, path: str, sha256: str | None) -> None:
    """Make sure that a file of the tree is the one that ran.

    Raises:
        CodeUnavailable: It is another one, or none.
    """
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise CodeUnavailable(f"{path} is outside the repository, and was not kept")
    if not file.is_file():
        raise CodeUnavailable(f"{path} is not in the work tree that was made")
    if sha256 is not None and hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise CodeUnavailable(f"{path} is not the file that ran: its sha256 is another one")


def _init(folder: Path, source: CodeSource | None, remote: str | None) -> None:
    git = Git(folder, seconds=_SECONDS)
    form = "sha256" if source is not None and len(source.commit) == 64 else "sha1"
    git.run("init", "-q", "--template=", f"--object-format={form}")
    git.run("config", *_IGNORED.split("=", 1))
    if remote is not None and not remote.startswith("-"):
        git.run("config", "remote.origin.url", remote)
    if source is None:
        return
    borrowed = folder / ".git" / "objects" / "info" / "alternates"
    borrowed.parent.mkdir(parents=True, exist_ok=True)
    borrowed.write_text(f"{source.objects.resolve()}\n", encoding="utf-8")
    if source.shallow.is_file():
        (folder / ".git" / "shallow").write_bytes(source.shallow.read_bytes())
    kept_by_lfs = source.objects.resolve().parent / "lfs"
    if kept_by_lfs.is_dir():
        git.run("config", "lfs.storage", str(kept_by_lfs))


def _fill_submodules(folder: Path, source: CodeSource, *, is_forced: bool) -> None:
    """By the index, which a patch may have moved on."""
    try:
        entries = Git(folder, seconds=_SECONDS).fields("ls-files", "-s", "-z")
    except GitFailed as exc:
        raise CodeUnavailable(str(exc)) from exc
    for words, _, path in (entry.partition("\t") for entry in entries):
        if not words.startswith("160000 "):
            continue
        found = source.submodule(path, words.split()[1])
        if found is not None:
            (folder / path).rmdir()  # git leaves an empty folder for it
            inner = Code(source=found, remote=None, patch=b"", archive=b"")
            make_tree(folder / path, inner, is_forced=is_forced)
        elif not is_forced:
            raise CodeUnavailable(
                f"the submodule {path} is not in {source.repository} at {words.split()[1]}"
            )
