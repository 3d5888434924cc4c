"""Links to pages lead to where browsers find the gateway."""

import contextlib
from pathlib import Path

import pytest

from orchestration.platform import Platform
from orchestration.services import Services
from orchestration.settings import InvalidSetting, Settings
from sweeps.ids import TenantId


@pytest.mark.parametrize(
    ("more", "begins"),
    [
        ({}, "http://gateway.sweepworks.svc:8787/open?grant="),
        (
            {"SWEEPWORKS_PUBLIC_URL": "https://sweepworks.example.org/"},
            "https://sweepworks.example.org/open?grant=",
        ),
    ],
)
def test_a_link_leads_to_the_public_address_if_there_is_one(
    tmp_path: Path, more: dict[str, str], begins: str
) -> None:
    settings = Settings.from_environment(
        {
            "SWEEPWORKS_HOME": str(tmp_path),
            "SWEEPWORKS_GATEWAY_URL": "http://gateway.sweepworks.svc:8787",
            "SWEEPWORKS_SIGNING_KEY": "ab" * 32,
            **more,
        }
    )
    platform = Platform(Services(settings), contextlib.ExitStack())

    assert platform.page_link("/compare", TenantId("default")).startswith(begins)


def test_a_public_address_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="SWEEPWORKS_PUBLIC_URL"):
        Settings.from_environment({"SWEEPWORKS_PUBLIC_URL": "sweepworks.example.org"})
