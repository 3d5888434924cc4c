"""Captures what a run is made of: its code before the script goes on, the rest beside it."""

import hashlib
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sweepworks.provenance.code import CodeState, code_state
from sweepworks.provenance.hardware import hardware
from sweepworks.provenance.software import software

_SECRET = re.compile(r"(token|secret|passw\w*|api-?_?key|credential)", re.IGNORECASE)
_MOST_ARGUMENTS = 500
_MOST_NAMES = 200  # that are told of what is left out
_MOST_SCRIPT_BYTES = 50_000_000


class Capture:
    """One process's.

    Args:
        folder: Where the script's code is.
        script: What Python was started with; None where that is not the script.
        add: Takes a section and a document for the run's record.
        keep: Takes a name and bytes to be stored with the run.
        warn: Called with a subject and a sentence when something cannot be rebuilt from this.
    """

    def __init__(
        self,
        folder: Path,
        *,
        script: Path | None,
        add: Callable[[str, Mapping[str, Any]], None],
        keep: Callable[[str, bytes], None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._folder = folder
        self._script = script
        self._add = add
        self._keep = keep
        self._warn = warn
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Capture the code, and begin with the rest. Never raises."""
        try:
            code = code_state(self._folder)
            self._add("code", self._code(code))
        except Exception as exc:  # noqa: BLE001 - no reason to end a training
            self._warn("provenance-code", f"the code's state is not recorded: {exc!r}")
            root = self._folder
        else:
            root = code.root
        thread = threading.Thread(
            target=self._rest, args=(root,), name="sweepworks-provenance", daemon=True
        )
        try:
            thread.start()
            self._thread = thread
        except RuntimeError as exc:  # the interpreter ends
            self._warn("provenance-thread", f"software and hardware are not recorded: {exc}")

    def finish(self, *, seconds: float) -> None:
        """Wait for what is under way, at most that long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _code(self, code: CodeState) -> Mapping[str, Any]:
        left_out = [*code.left_out, *code.files.left_out]
        if left_out:
            more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
            self._warn("provenance-left", f"this run cannot be rebuilt whole: {left_out[0]}{more}")
        elif code.is_dirty:
            self._warn("provenance-dirty", "the work tree differs from its commit; a patch is kept")
        return {
            "commit": code.commit,
            "branch": code.branch,
            "remote": code.remote,
            "is_dirty": code.is_dirty,
            "is_whole": code.is_whole,
            "patch": self._kept(code.patch, "patch"),
            "files": self._kept(code.files.archive, "tar"),
            "n_files": len(code.files.names),
            "left_out": left_out[:_MOST_NAMES],
            "script": _script(self._script, code.root),
            "arguments": [] if self._script is None else without_secrets(sys.argv[1:]),
            "folder": _relative(Path.cwd(), code.root),
            "root": str(code.root),
        }

    def _kept(self, content: bytes, extension: str) -> str | None:
        """The name that bytes are kept under: that of what is in them, so that all runs share it."""
        if not content:
            return None
        name = f"code/{hashlib.sha256(content).hexdigest()}.{extension}"
        self._keep(name, content)
        return name

    def _rest(self, root: Path) -> None:
        for section, capture in (
            ("software", lambda: software(root, os.environ)),
            ("hardware", hardware),
        ):
            try:
                self._add(section, capture())
            except Exception as exc:  # noqa: BLE001 - no reason to end a training
                self._warn(f"provenance-{section}", f"the {section} is not recorded: {exc!r}")


def main_script() -> Path | None:
    """The file that Python was started with; None in a notebook's kernel or a console."""
    main = sys.modules.get("__main__")
    name = getattr(main, "__file__", None)
    return Path(name).absolute() if name and Path(name).is_file() else None


def without_secrets(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command, with stars for the values of those that are called like secrets."""
    shown: list[str] = []
    hides_next = False
    for argument in arguments[:_MOST_ARGUMENTS]:
        name, equals, _ = argument.partition("=")
        is_secret = _SECRET.search(name) is not None
        if hides_next and not argument.startswith("-"):
            shown.append("***")
            hides_next = False
            continue
        shown.append(f"{name}=***" if is_secret and equals else argument)
        hides_next = is_secret and not equals and argument.startswith("-")
    return shown


def _script(script: Path | None, root: Path) -> Mapping[str, Any] | None:
    notebook = os.environ.get("JPY_SESSION_NAME") or os.environ.get("VSCODE_NB_FILE")
    path = script or (Path(notebook) if notebook else None)
    if path is None:
        return None
    try:
        small = path.stat().st_size <= _MOST_SCRIPT_BYTES
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if small else None
    except OSError:  # a notebook's name may be relative to where its server runs
        digest = None
    return {
        "path": _relative(path, root),
        "sha256": digest,
        "is_notebook": path.suffix == ".ipynb" or script is None,
        "module": None if script is None else _module(),
    }


def _module() -> str | None:
    """What Python was started with by ``-m``; its imports are relative to other folders."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = getattr(spec, "name", None)
    if not isinstance(name, str):
        return None
    return name.removesuffix(".__main__")


def _relative(path: Path, root: Path) -> str:
    try:
        return str(path.resolve().relative_to(root.resolve()))
    except ValueError:
        return str(path)
