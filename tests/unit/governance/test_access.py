"""Tokens and links: what was signed opens what it says, and nothing else opens anything."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from governance.access import (
    RunGrant,
    UploadGrant,
    api_token,
    hash_token,
    open_run_token,
    sign_run_token,
    sign_upload,
    verify_upload,
)
from sweeps.errors import AccessDenied
from sweeps.ids import AttemptId, RunId, TenantId

KEY = bytes(range(32))
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
GRANT = RunGrant(
    run_id=RunId("digits-aaaaaaaa-00001"),
    tenant_id=TenantId("vision"),
    attempt_id=AttemptId("digits-aaaaaaaa-00001-a1"),
    expires_at=NOW + dt.timedelta(hours=1),
)
UPLOAD = UploadGrant(
    tenant_id=TenantId("vision"),
    run_id=RunId("digits-aaaaaaaa-00001"),
    sha256="0" * 64,
    size_bytes=10,
    expires_at=NOW + dt.timedelta(hours=1),
)


@given(run=st.text(), tenant=st.text(), attempt=st.none() | st.text(min_size=1))
def test_a_token_says_what_was_signed(run: str, tenant: str, attempt: str | None) -> None:
    grant = replace(
        GRANT,
        run_id=RunId(run),
        tenant_id=TenantId(tenant),
        attempt_id=attempt and AttemptId(attempt),
    )

    assert open_run_token(sign_run_token(grant, key=KEY), key=KEY, now=NOW) == grant


@given(position=st.integers(0, 400), letter=st.characters())
def test_a_token_with_one_letter_changed_opens_nothing(position: int, letter: str) -> None:
    token = sign_run_token(GRANT, key=KEY)
    place = position % len(token)
    changed = token[:place] + letter + token[place + 1 :]
    assume(changed != token)

    with pytest.raises(AccessDenied):
        open_run_token(changed, key=KEY, now=NOW)


@given(text=st.text())
def test_no_text_opens_anything(text: str) -> None:
    with pytest.raises(AccessDenied):
        open_run_token(text, key=KEY, now=NOW)


def test_another_key_and_another_time_open_nothing() -> None:
    token = sign_run_token(GRANT, key=KEY)

    with pytest.raises(AccessDenied):
        open_run_token(token, key=bytes(32), now=NOW)
    with pytest.raises(AccessDenied):
        open_run_token(token, key=KEY, now=GRANT.expires_at)


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_id": "audio"},
        {"run_id": "other"},
        {"sha256": "1" * 64},
        {"size_bytes": 11},
        {"part": 2},
        {"crc32": 0},
        {"expires_at": NOW + dt.timedelta(hours=2)},
    ],
)
def test_a_link_is_good_for_exactly_what_it_says(changes: dict[str, object]) -> None:
    signature = sign_upload(UPLOAD, key=KEY)

    verify_upload(UPLOAD, signature, key=KEY, now=NOW)
    with pytest.raises(AccessDenied):
        verify_upload(replace(UPLOAD, **changes), signature, key=KEY, now=NOW)


def test_an_expired_link_is_worth_nothing() -> None:
    with pytest.raises(AccessDenied):
        verify_upload(UPLOAD, sign_upload(UPLOAD, key=KEY), key=KEY, now=UPLOAD.expires_at)


def test_the_signature_of_a_link_is_no_token() -> None:
    body = sign_run_token(GRANT, key=KEY).split(".")[1]

    with pytest.raises(AccessDenied):
        open_run_token(f"swr1.{body}.{sign_upload(UPLOAD, key=KEY)}", key=KEY, now=NOW)


def test_api_tokens_need_entropy_and_are_known_by_their_hash() -> None:
    token = api_token(entropy=bytes(32))

    assert token == "swk_" + "A" * 43
    assert len(hash_token(token)) == 32
    assert hash_token(token) != hash_token(token + "A")
    with pytest.raises(ValueError, match="32 bytes"):
        api_token(entropy=b"short")
