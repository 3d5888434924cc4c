"""Packages of a rerun are those of the run, or it is said which are not, wherever they came from."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from sweeps.package_origins import Origin, OriginKind, origins
from sweeps.rerun_packages import Installed, Packages, needs_environment, package_lines
from sweeps.reruns import Fate, Line

ROOTS = ("/repo",)
OURS = {"url": "file:///repo/lib", "dir_info": {"editable": True}}
THEIRS = {"url": "file:///home/other/lib", "dir_info": {"editable": True}}
COMMIT = {"url": "https://h.example/lib.git", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}}
LATER = {"url": "https://h.example/lib.git", "vcs_info": {"vcs": "git", "commit_id": "b" * 40}}
WHEEL = {"url": "file:///tmp/lib.whl", "archive_info": {"hash": "sha256=00"}}
COPIED = {"url": "file:///home/other/lib", "dir_info": {}}


def installed(direct: Mapping[str, Any] = {}, **versions: str) -> Installed:
    return Installed(python="3.12.4", versions=versions, origins=origins(direct))


def recorded(direct: Mapping[str, Any] | None = {}, **versions: str) -> dict[str, Any]:
    found = {"python": "3.12.4", "packages": {**versions, "sweepworks": "0.0.1"}}
    return found if direct is None else {**found, "direct_urls": direct}


def look(
    software: Mapping[str, Any], here: Installed, *, trouble: str = ""
) -> tuple[Packages, set[tuple[str, Fate]], bool]:
    had = Packages.of(software, here, ROOTS)
    return had, fates(package_lines(had, here, trouble=trouble)), needs_environment(had, here)


def fates(lines: Iterable[Line]) -> set[tuple[str, Fate]]:
    """Without those of the interpreter, where that is as it was."""
    return {(x.part, x.fate) for x in lines} - {("python", Fate.SAME)}


SAME, OTHER, MISSING = (("packages", fate) for fate in Fate)


def test_the_same_packages_are_used_as_they_are() -> None:
    _, lines, needs = look(recorded(numpy="2.1"), installed(numpy="2.1", extra="1"))

    assert (lines, needs) == ({SAME}, False)


@pytest.mark.parametrize(
    ("python", "versions", "trouble", "expected"),
    [
        ("3.12.9", {"numpy": "2.1"}, "", {("python", Fate.OTHER), SAME}),
        ("3.12.4", {"numpy": "2.0"}, "", {SAME}),
        ("3.12.4", {"numpy": "2.0"}, "gone", {MISSING}),
        ("3.12.4", {"torch": "2.0"}, "gone", {MISSING}),
        ("3.9.1", {"numpy": "2.1"}, "no 3.9", {("python", Fate.MISSING), SAME}),
        ("3.9.1", {"numpy": "2.1"}, "", {SAME}),
    ],
)
def test_other_software_is_installed_or_missing(
    python: str, versions: dict[str, str], trouble: str, expected: set[tuple[str, Fate]]
) -> None:
    software = {**recorded({}, **versions), "python": python}

    _, lines, needs = look(software, installed(numpy="2.1"), trouble=trouble)

    assert lines == expected
    assert needs == (python == "3.9.1" or versions != {"numpy": "2.1"})


def test_a_locked_environment_has_what_an_index_has_but_for_our_own() -> None:
    software = recorded({"mine": OURS, "lib": COMMIT}, numpy="2.1", mine="1", lib="2")

    had, _, _ = look(software, installed())

    assert had.pins == {"numpy": "2.1"}
    assert had.own_code == {"mine": "lib"}


def test_own_code_comes_from_the_work_tree_whatever_is_here() -> None:
    _, lines, needs = look(recorded({"mine": OURS}, mine="1"), installed())

    assert (lines, needs) == ({SAME}, False)


@pytest.mark.parametrize(
    ("had", "here", "expected"),
    [
        # Somebody's folder, as it is now: not of the run's own work tree.
        (THEIRS, THEIRS, {SAME, OTHER}),
        (THEIRS, None, {SAME, MISSING}),
        (COMMIT, COMMIT, {SAME}),
        (COMMIT, LATER, {SAME, MISSING}),
        (COMMIT, None, {SAME, MISSING}),
        (WHEEL, WHEEL, {SAME}),
        (COPIED, COPIED, {SAME, OTHER}),
        # It was from an index, which has it still.
        (None, THEIRS, {SAME}),
    ],
)
def test_what_no_index_has_must_be_here(
    had: dict[str, Any] | None, here: dict[str, Any] | None, expected: set[tuple[str, Fate]]
) -> None:
    software = recorded({"lib": had} if had else {}, lib="1")

    _, lines, needs = look(software, installed({"lib": here} if here else {}, lib="1"))

    assert lines == expected
    assert needs == (had != here)


@pytest.mark.parametrize(
    ("here", "own", "expected"),
    [(OURS, {"lib": "lib"}, {SAME}), (THEIRS, {}, {SAME, OTHER}), (COMMIT, {}, {SAME, OTHER})],
)
def test_a_record_without_origins_is_completed_by_what_is_here(
    here: dict[str, Any], own: dict[str, str], expected: set[tuple[str, Fate]]
) -> None:
    had, lines, needs = look(recorded(None, lib="1"), installed({"lib": here}, lib="1"))

    assert (had.own_code, lines, needs) == (own, expected, False)


@pytest.mark.parametrize(
    ("document", "origin"),
    [
        (COMMIT, Origin(kind=OriginKind.COMMIT, url=COMMIT["url"], mark="a" * 40)),
        (WHEEL, Origin(kind=OriginKind.ARCHIVE, url="file:///tmp/lib.whl", mark="00")),
        (
            {"url": "file:///x", "archive_info": {"hashes": {"sha256": "11"}}},
            Origin(kind=OriginKind.ARCHIVE, url="file:///x", mark="11"),
        ),
        (COPIED, Origin(kind=OriginKind.FOLDER, url="file:///home/other/lib")),
        ({"dir_info": {}}, None),
        ("no document", None),
    ],
)
def test_documents_of_origins_are_read(document: object, origin: Origin | None) -> None:
    assert origins({"lib": document}).get("lib") == origin


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("file:///repo", "."),
        ("file:///repo/a%20b", "a b"),
        ("file:///repository", None),
        ("file:///repo/../etc", None),
        ("https://h.example/repo", None),
    ],
)
def test_only_folders_of_the_work_tree_are_own_code(url: str, place: str | None) -> None:
    assert Origin(kind=OriginKind.EDITABLE, url=url).within(("/repo", "/")) == place
