"""Files come back where they were, and nothing is written anywhere else."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweepworks.provenance.bundle import bundle

from compute.archives import UnsafeArchive, leaving_links, unpack


def an_archive(*entries: tuple[str, bytes | str]) -> bytes:
    """Files with their content, links with their target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    (one / "deep").mkdir(parents=True)
    other.mkdir()
    (one / "deep" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (one / "deep" / "run.sh").chmod(0o755)
    (one / "link").symlink_to("deep/run.sh")
    packed = bundle(one, ["deep/run.sh", "link"])

    unpack(packed.archive, other)

    assert (other / "link").read_bytes() == b"#!/bin/sh\n"
    assert (other / "deep" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert bundle(other, ["deep/run.sh", "link"]).archive == packed.archive


TRICKS = [
    [("/etc/passwd", b"x")],
    [("../x", b"x")],
    [("a/../../x", b"x")],
    [(".git/hooks/post-checkout", b"x")],
    [("sub/.GIT/config", b"x")],
    [("", b"x")],
]


@pytest.mark.parametrize("entries", TRICKS)
def test_names_that_lead_out_are_refused(
    tmp_path: Path, entries: list[tuple[str, bytes | str]]
) -> None:
    folder = tmp_path / "deep" / "tree"
    folder.mkdir(parents=True)

    with pytest.raises(UnsafeArchive):
        unpack(an_archive(*entries), folder)

    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_nothing_is_written_through_a_link_of_the_tree(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    outside.mkdir()
    tree.mkdir()
    (tree / "data").symlink_to(outside)

    for name in ("data/x", "data/deep/er/x"):
        with pytest.raises(UnsafeArchive, match="outside"):
            unpack(an_archive((name, b"x")), tree)

    assert list(outside.iterdir()) == []


def test_a_file_takes_the_place_of_a_link_instead_of_following_it(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    outside.write_bytes(b"kept")
    tree.mkdir()
    (tree / "x").symlink_to(outside)

    unpack(an_archive(("x", b"new")), tree)

    assert outside.read_bytes() == b"kept"
    assert (tree / "x").read_bytes() == b"new"


def test_links_that_lead_out_are_named_and_not_made(tmp_path: Path) -> None:
    archive = an_archive(("data", "/mnt/data"), ("a/up", "../../x"), ("a/ok", "../b"), ("b", b"1"))

    unpack(archive, tmp_path)

    assert leaving_links(archive) == ["data -> /mnt/data", "a/up -> ../../x"]
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == ["a", "a/ok", "b"]


def test_neither_devices_nor_hard_links_are_made(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("x")
        entry.type, entry.linkname = tarfile.LNKTYPE, "/etc/passwd"
        archive.addfile(entry)

    with pytest.raises(UnsafeArchive, match="neither"):
        unpack(out.getvalue(), tmp_path)


@given(st.binary(max_size=2000))
def test_damaged_archives_are_refused_or_hold_nothing_else(content: bytes) -> None:
    try:
        leaving_links(content)
    except UnsafeArchive:
        return


@given(st.integers(0, 10_239), st.integers(1, 255))
def test_an_archive_with_a_wrong_byte_is_never_an_unknown_failure(place: int, flip: int) -> None:
    archive = bytearray(an_archive(("a", b"x" * 600), ("b", "a")))
    archive[place % len(archive)] ^= flip

    try:
        leaving_links(bytes(archive))
    except UnsafeArchive:
        return
