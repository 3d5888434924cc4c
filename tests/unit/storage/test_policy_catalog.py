"""Kinds of policies that this version goes by."""

import importlib.resources

from storage.policy_catalog import KINDS


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
