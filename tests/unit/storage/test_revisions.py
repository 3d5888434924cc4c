"""Revisions of the schema are one chain, in the order of their numbers."""

import re
from itertools import pairwise
from pathlib import Path

from storage import migrations_runner

FOLDER = Path(migrations_runner.__file__).parent / "migrations" / "versions"


def test_each_follows_the_one_before_it() -> None:
    # A database is compared with the version by the greatest number.
    files = sorted(FOLDER.glob("[0-9]*.py"))
    numbers = [file.stem.partition("_")[0] for file in files]

    follows = [
        re.findall(r'^down_revision = "(.+)"$', file.read_text(), re.MULTILINE) for file in files
    ]

    assert follows[1:] == [[before] for before, _ in pairwise(numbers)]
