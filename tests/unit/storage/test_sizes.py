"""The embedded server's share of a machine."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from storage.embedded import sizes

GB = 2**30


@pytest.mark.parametrize(
    ("memory", "disk", "expected"),
    [
        (1 * GB, 4 * GB, {"shared_buffers": "128MB", "max_wal_size": "512MB"}),
        (6 * GB, 32 * GB, {"shared_buffers": "512MB", "max_wal_size": "4096MB"}),
        (512 * GB, 9000 * GB, {"shared_buffers": "1024MB", "max_wal_size": "8192MB"}),
    ],
)
def test_sizes_follow_the_machine_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    memory: int,
    disk: int,
    expected: dict[str, str],
) -> None:
    monkeypatch.setattr(sizes.psutil, "virtual_memory", lambda: SimpleNamespace(total=memory))
    monkeypatch.setattr(sizes.shutil, "disk_usage", lambda _: SimpleNamespace(free=disk))

    settings = sizes.machine_settings(tmp_path / "not" / "there" / "yet")

    assert expected.items() <= settings.items()
