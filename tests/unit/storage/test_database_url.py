"""What a person gets wrong about a database's URL is said without its password."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from orchestration.platform import open_platform
from storage.database import open_pool, prove
from storage.database_url import InvalidDatabaseUrl, check_database_url
from storage.migrations_runner import upgrade
from storage.schema_state import schema_state
from sweeps.errors import SweepsError

MALFORMED = [
    "postgresql//me:h1dden-w0rd@127.0.0.1:1/db",
    "postgresql+psycopg://me:h1dden-w0rd@127.0.0.1:1/db",
    "postgresql://me:h1dden-w0rd@[::1/db",
    "postgresql://me:h1dden%zzw0rd@127.0.0.1:1/db",
    "postgresql://me:h1dden%a1w0rd@127.0.0.1:1/db",
    "postgresql://me:x@h1dden-w0rd@127.0.0.1:1/db",
    "postgresql://127.0.0.1:h1dden-w0rd/db",
    "postgresql://127.0.0.1:1/h1dden-w0rd@somewhere/db",
    "postgresql://me:h1dden-w0rd/x@127.0.0.1:1/db",
    "host=127.0.0.1 port=1 password=x h1dden-w0rd",
    "host=127.0.0.1 port=1 password=x h1dden-w0rd=1",
    "me:h1dden-w0rd@127.0.0.1",
]


def _open(url: str) -> None:
    with open_pool(url):
        pass


@pytest.mark.parametrize("use", [prove, schema_state, upgrade, _open])
@pytest.mark.parametrize("url", MALFORMED)
def test_a_malformed_url_is_not_quoted(
    url: str, use: Callable[[str], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(SweepsError) as caught:
        use(url)

    assert "h1dden" not in str(caught.value) + caplog.text
    assert "w0rd" not in str(caught.value) + caplog.text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:p%40ss%2Fword@db.example:5432/db",
        "postgresql://me:a?b#c:d[e@db.example/db?application_name=a@b",
        "postgresql://me@one:1,two:2/db",
        "postgresql:///db?host=@abstract",
        "postgresql://me:x@/db?host=%2Fvar%2Frun",
        "host=/var/run dbname=db password='p@ss/w:rd'",
        "service=ours",
    ],
)
def test_what_libpq_takes_is_taken(url: str) -> None:
    check_database_url(url)


@settings(deadline=None)
@given(password=st.text(st.sampled_from("ab1@/?#:%[],= '"), min_size=1, max_size=12))
def test_no_piece_of_a_password_becomes_the_name_of_anything(password: str) -> None:
    url = f"postgresql://me:{password}@db.example:5432/db"
    try:
        check_database_url(url)
    except InvalidDatabaseUrl:
        return

    parts = conninfo_to_dict(url)
    named = {name: str(value) for name, value in parts.items() if name != "password"}
    assert named == {"user": "me", "host": "db.example", "port": "5432", "dbname": "db"}


def test_commands_say_which_variable_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SWEEPWORKS_DATABASE_URL", MALFORMED[0])

    with pytest.raises(SweepsError) as caught, open_platform() as platform:
        _ = platform.pool

    assert str(caught.value).startswith("SWEEPWORKS_DATABASE_URL is '…'; write postgresql://")
