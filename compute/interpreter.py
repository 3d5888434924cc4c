"""What a Python interpreter of this machine has installed, asked of itself."""

import json
import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sweeps import recorded

_SECONDS = 30.0
_ASK = """
import json, platform, re
from importlib.metadata import distributions
packages, direct = [], {}
for found in distributions():
    name = found.metadata["Name"] if found.metadata else None
    if name:
        name = re.sub(r"[-_.]+", "-", name).lower()
        packages.append((name, found.version or ""))
        url = found.read_text("direct_url.json")
        if url:
            direct[name] = json.loads(url)
print(json.dumps([platform.python_version(), dict(sorted(packages)), direct]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One interpreter and its packages."""

    executable: Path
    python: str
    packages: Mapping[str, str]
    editable: Mapping[str, Path]  #: packages that are imported from a folder of their authors


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
        python, packages, direct = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    editable = {name: path for name, url in direct.items() if (path := _folder(url)) is not None}
    return Interpreter(executable=executable, python=python, packages=packages, editable=editable)


def _folder(direct: Mapping[str, Any]) -> Path | None:
    """Where an editable package is, by what PEP 610 has of it."""
    url = urlsplit(str(direct.get("url")))
    is_editable = recorded.part(direct, "dir_info").get("editable") is True
    return Path(unquote(url.path)) if is_editable and url.scheme == "file" else None
