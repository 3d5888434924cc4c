"""The state of a work tree: its commit, and what differs from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweepworks.provenance.git import Git, GitFailed

LEFT_OUT = ":(exclude,top).sweepworks"  #: a home is no code
_MOST_TOLD = 3


class NotClean(ValueError):
    """Code that no commit has as it is, where that was asked for; it says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """As git sees it.

    Attributes:
        commit: None when there is none yet.
        branch: None when the head is detached.
        changed: Tracked paths that differ from the commit.
        submodules: Those with changes of their own, which no patch of this tree can have.
        untracked: Paths in no commit that are not ignored.
    """

    root: Path
    commit: str | None
    branch: str | None
    changed: Sequence[str]
    submodules: Sequence[str]
    untracked: Sequence[str]

    @property
    def differing(self) -> list[str]:
        """All that is not as the commit has it."""
        return list(dict.fromkeys([*self.changed, *self.submodules, *self.untracked]))


def work_tree(folder: Path) -> WorkTree:
    """The work tree that `folder` is in.

    Raises:
        GitFailed: There is none, or git cannot tell.
    """
    git = Git(folder)
    root = Path(git.text("rev-parse", "--show-toplevel"))
    status = git.fields(
        "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all",
        "--ignore-submodules=none", "--", ":/", LEFT_OUT,
    )  # fmt: skip
    said = dict(
        line[2:].split(" ", 1) for line in status if line.startswith("# ") and " " in line[2:]
    )
    commit, branch = said.get("branch.oid"), said.get("branch.head")
    changed, submodules = _changed(status)
    return WorkTree(
        root=root,
        commit=None if commit in {None, "(initial)"} else commit,
        branch=None if branch == "(detached)" else branch,
        changed=changed,
        submodules=submodules,
        untracked=[entry[2:] for entry in status if entry.startswith("? ")],
    )


def require_clean(folder: Path) -> WorkTree:
    """The work tree that `folder` is in, if a commit has it as it is.

    Raises:
        NotClean: It differs, there is no commit, or no repository.
    """
    try:
        tree = work_tree(folder)
    except GitFailed as exc:
        raise NotClean(
            f"a clean work tree is required, and {folder} is in none ({exc}): put the code into a "
            "repository (git init), and commit it"
        ) from exc
    if tree.commit is None:
        raise NotClean(
            f"a clean work tree is required, and {tree.root} has no commit yet: make one"
        )
    differing = tree.differing
    if differing:
        more = len(differing) - _MOST_TOLD
        told = ", ".join(differing[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
        verb = "differs" if len(differing) == 1 else "differ"
        raise NotClean(
            f"a clean work tree is required, and in {tree.root} {told} {verb} from commit "
            f"{tree.commit[:12]}: commit them, put them away (git stash -u) or into .gitignore"
        )
    return tree


def _changed(status: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tracked paths that differ, and submodules with changes that no patch of ours can have."""
    changed: list[str] = []
    submodules: list[str] = []
    entries = iter(status)
    for entry in entries:
        kind = entry[:2]
        if kind not in {"1 ", "2 ", "u "}:
            continue
        words = entry.split(" ", {"1 ": 8, "2 ": 9, "u ": 10}[kind])
        if kind == "2 ":
            next(entries, None)  # the path before a renaming
        path, submodule = words[-1], words[2]
        if submodule.startswith("S") and submodule[2:] != "..":
            submodules.append(path)
        if not submodule.startswith("S") or submodule[1] == "C":
            changed.append(path)
    return changed, submodules
