"""An interpreter tells where its packages come from, and the folders that it imports from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compute.interpreter import look_at
from sweeps.package_origins import Origin, OriginKind

FINDER = """\
import sys
MAPPING = {"odd": "REPO/python/odd"}
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None
sys.meta_path.append(Finder)
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """One with two editable packages: in a folder on its path, and by a finder of setuptools."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    repository = tmp_path / "repo"
    (repository / "lib").mkdir(parents=True)
    for name in ("plain", "odd"):
        info = packages / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        direct = {"url": f"file://{repository}", "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(direct))
    (packages / "plain.pth").write_text(f"{repository}/lib\n")
    (packages / "odd_finder.py").write_text(FINDER.replace("REPO", str(repository)))
    (packages / "odd.pth").write_text("import odd_finder\n")
    return tmp_path / "venv" / "bin" / "python"


def test_editable_packages_and_their_folders_are_told(python: Path, tmp_path: Path) -> None:
    found = look_at(python)

    assert found is not None
    origin = Origin(kind=OriginKind.EDITABLE, url=f"file://{tmp_path}/repo")
    assert dict(found.installed.origins) == {"plain": origin, "odd": origin}
    assert tmp_path / "repo" / "lib" in found.folders
    assert tmp_path / "repo" / "python" in found.folders
