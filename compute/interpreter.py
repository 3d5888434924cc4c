"""What a Python interpreter of this machine has installed, asked of itself."""

import json
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sweepworks.provenance.code import without_credentials

from sweeps.package_origins import origins
from sweeps.rerun_packages import Installed

_SECONDS = 30.0
_ASK = """
import json, platform, re, sys
from importlib.metadata import distributions
packages, direct = [], {}
for found in distributions():
    name = found.metadata["Name"] if found.metadata else None
    if name:
        name = re.sub(r"[-_.]+", "-", name).lower()
        packages.append((name, found.version or ""))
        url = found.read_text("direct_url.json")
        if url and (found.read_text("INSTALLER") or "").strip() != "conda":
            direct[name] = json.loads(url)
folders = list(sys.path)
for finder in sys.meta_path:  # of setuptools, for editable packages in unusual folders
    places = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
    folders += [place.rpartition("/")[0] for place in places.values()]
print(json.dumps([platform.python_version(), dict(sorted(packages)), direct, folders]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One interpreter and its packages."""

    executable: Path
    installed: Installed
    folders: tuple[Path, ...]  #: from which it imports


def is_trusted(executable: Path) -> bool:
    """Whether nobody but this user and root can have put it there."""
    try:
        places = [executable.resolve(strict=True), executable.resolve(strict=True).parent]
        states = [place.stat() for place in (*places, executable.parent)]
    except OSError:
        return False
    owners = {0, os.geteuid()}
    return all(s.st_uid in owners and not s.st_mode & stat.S_IWOTH for s in states)


def look_at(executable: Path) -> Interpreter | None:
    """Ask it; None when there is none, or it does not answer. It sees nothing of our environment."""
    try:
        done = subprocess.run(
            [str(executable), "-c", _ASK],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        python, packages, direct, folders = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    # As they are recorded.
    clean = {
        name: {**document, "url": without_credentials(str(document["url"]))}
        for name, document in direct.items()
        if "url" in document
    }
    return Interpreter(
        executable=executable,
        installed=Installed(python=python, versions=packages, origins=origins(clean)),
        folders=tuple(Path(folder) for folder in folders if folder.startswith("/")),
    )
