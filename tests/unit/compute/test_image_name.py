"""Names of images, as Docker reads them."""

import base64
import json
from pathlib import Path

import pytest

from compute.kubernetes.image_name import ImageName
from compute.kubernetes.registry_credentials import credentials_of

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag"),
    [
        ("python", "docker.io", "library/python", "latest"),
        ("python:3.13", "docker.io", "library/python", "3.13"),
        ("team/trainer", "docker.io", "team/trainer", "latest"),
        ("docker.io/python", "docker.io", "library/python", "latest"),
        ("ghcr.io/team/trainer:1", "ghcr.io", "team/trainer", "1"),
        ("localhost/trainer", "localhost", "trainer", "latest"),
        ("127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000", "a/b/c", "x"),
        (f"r.example/a:1@{DIGEST}", "r.example", "a", "1"),
    ],
)
def test_parts_of_a_name(text: str, registry: str, repository: str, tag: str) -> None:
    name = ImageName.parse(text)

    assert (name.registry, name.repository, name.tag) == (registry, repository, tag)


def test_only_a_whole_digest_pins() -> None:
    assert ImageName.parse(f"a:1@{DIGEST}").is_pinned
    assert not ImageName.parse("a:1").is_pinned
    assert not ImageName.parse("a@sha256:abc").is_pinned
    assert ImageName.parse("r:5000/a:1").pinned(DIGEST) == f"r:5000/a@{DIGEST}"
    assert ImageName.parse("r:5000/a").pinned(DIGEST) == f"r:5000/a@{DIGEST}"


def a_file(folder: Path, auths: dict[str, str]) -> Path:
    def entry(pair: str) -> dict[str, str]:
        return {"auth": base64.b64encode(pair.encode()).decode()}

    file = folder / "config.json"
    file.write_text(json.dumps({"auths": {key: entry(pair) for key, pair in auths.items()}}))
    return file


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("r.example", "r.example"),
        ("https://r.example", "r.example"),
        ("r.example:5000", "r.example:5000"),
        ("r.example/team", "r.example"),
    ],
)
def test_credentials_are_found_by_the_registry(tmp_path: Path, key: str, registry: str) -> None:
    file = a_file(tmp_path, {key: "me:pass:word"})

    assert credentials_of(file, registry, "team/trainer") == ("me", "pass:word")
    assert credentials_of(file, "other.example", "team/trainer") is None


def test_the_longest_entry_counts(tmp_path: Path) -> None:
    file = a_file(tmp_path, {"r.example": "a:1", "r.example/team": "b:2", "r.example/te": "c:3"})

    assert credentials_of(file, "r.example", "team/trainer") == ("b", "2")
    assert credentials_of(file, "r.example", "others/trainer") == ("a", "1")


def test_without_a_file_there_are_none() -> None:
    assert credentials_of(None, "r.example", "trainer") is None
