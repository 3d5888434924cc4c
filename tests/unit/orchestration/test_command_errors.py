"""What goes wrong is one sentence, never a traceback."""

import subprocess
import sys
from pathlib import Path


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    occupied = tmp_path / "a file"
    occupied.write_text("")

    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "init", str(occupied / "folder")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("error: Not a directory: ")
    assert len(done.stderr.splitlines()) == 1
