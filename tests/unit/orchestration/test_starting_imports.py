"""Modules that commands import first, each in a process of its own: no circle keeps them from it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["starting", "controllers", "promotion.controllers"])
def test_a_module_can_be_the_first_one(module: str) -> None:
    code = f"import orchestration.{module}"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
