"""Kinds of policies that this version goes by."""

import importlib.resources
from pathlib import Path

from storage.policy_catalog import KINDS

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_every_kind_ships_a_good_default() -> None:
    for kind in KINDS.values():
        text = (importlib.resources.files(kind.package) / kind.file_name).read_text()
        kind.parse(text, source=kind.file_name)


def test_every_default_is_of_a_kind() -> None:
    files = {
        (package, file.name)
        for package in ("governance.policies", "retention.policies")
        for file in importlib.resources.files(package).iterdir()
        if file.name.endswith(".yaml")
    }

    assert files == {(kind.package, kind.file_name) for kind in KINDS.values()}


def test_the_policies_of_examples_are_good() -> None:
    files = [file for file in EXAMPLES.rglob("*.yaml") if file.stem in KINDS]
    assert files

    for file in files:
        KINDS[file.stem].parse(file.read_text(encoding="utf-8"), source=str(file))
