"""Who is typing, by the system."""

import os
import pwd

import pytest

from orchestration.people import person


def test_variables_of_the_environment_make_nobody_another_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ben")

    assert person() == pwd.getpwuid(os.geteuid()).pw_name != "ben"


def test_a_user_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "ben")
    monkeypatch.setattr(os, "geteuid", lambda: 2_000_123_456)

    assert person() == "uid-2000123456"
