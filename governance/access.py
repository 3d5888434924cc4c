"""Who may do what: tokens that open one run, links that take one blob, hashes of API tokens.

Pure: the key, the present and randomness come from outside. Everything signed says what it is good
for, so that a signature for one purpose is worth nothing for another.
"""

import base64
import datetime as dt
import hashlib
import hmac
import json
from dataclasses import dataclass
from enum import StrEnum

from sweeps.errors import AccessDenied
from sweeps.ids import AttemptId, RunId, TenantId

_RUN_KIND = "swr1"  # also the version: another form of token gets another word
_UPLOAD_KIND = "swu2"
_API_PREFIX = "swk_"

HOME = "home"  #: name of the token that all commands of an installation share
BY_LINK = "by a link"  #: name of whoever was let in by a link that such a command printed
SHARED_NAMES = frozenset({HOME, BY_LINK})  #: nobody in particular


def no_person(name: str) -> str | None:
    """Why the word of a name counts for nobody's; None: it may be somebody's."""
    if name not in SHARED_NAMES:
        return None
    return f"{name!r} is nobody in particular: use a token of your own name"


class Sees(StrEnum):
    """Whose reports, and whose entries of the inventory, an API token opens."""

    TENANT = "tenant"  #: those of its tenant
    PORTFOLIO = "portfolio"  #: also what is told of all tenants together without names
    ALL = "all"  #: everybody's


class ForeignRun(AccessDenied):
    """A token that is good, but for another run."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"this token does not open run {run_id!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGrant:
    """What a run token says: its bearer writes for this run, until then."""

    run_id: RunId
    tenant_id: TenantId
    attempt_id: AttemptId | None = None
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadGrant:
    """What a signed link says: this part of a blob may be brought, for this run, until then."""

    tenant_id: TenantId
    run_id: RunId
    sha256: str  #: hexadecimal
    size_bytes: int  #: of all parts
    part: int = 1  #: which of them, from 1
    crc32: int | None = None  #: of the part, where there are several
    expires_at: dt.datetime


def sign_run_token(grant: RunGrant, *, key: bytes) -> str:
    """The token for `grant`; whoever holds it needs nothing else."""
    claims = {
        "run": grant.run_id,
        "tenant": grant.tenant_id,
        "attempt": grant.attempt_id,
        "expires": int(grant.expires_at.timestamp()),
    }
    body = _encode(json.dumps(claims, separators=(",", ":")).encode())
    return f"{_RUN_KIND}.{body}.{sign(_RUN_KIND, body, key=key)}"


def open_run_token(token: str, *, key: bytes, now: dt.datetime) -> RunGrant:
    """What `token` allows.

    Raises:
        AccessDenied: It is malformed, forged or expired.
    """
    kind, _, rest = token.partition(".")
    body, _, signature = rest.partition(".")
    # The signature comes first: nothing of an unsigned token is looked into.
    if kind != _RUN_KIND or not check_signature(signature, _RUN_KIND, body, key=key):
        raise AccessDenied("this is not a run token of this platform")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    grant = RunGrant(
        run_id=RunId(claims["run"]),
        tenant_id=TenantId(claims["tenant"]),
        attempt_id=claims["attempt"] and AttemptId(claims["attempt"]),
        expires_at=dt.datetime.fromtimestamp(claims["expires"], dt.UTC),
    )
    if now >= grant.expires_at:
        raise AccessDenied(f"the token of run {grant.run_id!r} has expired")
    return grant


def is_run_token(token: str) -> bool:
    """Whether `token` says of itself that it opens one run; nothing is verified."""
    return token.startswith(f"{_RUN_KIND}.")


def sign_upload(grant: UploadGrant, *, key: bytes) -> str:
    """Signature that a link for `grant` carries."""
    return sign(_UPLOAD_KIND, _upload_text(grant), key=key)


def verify_upload(grant: UploadGrant, signature: str, *, key: bytes, now: dt.datetime) -> None:
    """Make sure that we signed exactly this.

    Raises:
        AccessDenied: We did not, or it has expired.
    """
    if not _is_equal(signature, sign_upload(grant, key=key)):
        raise AccessDenied("this link was not signed by this platform, or it was changed")
    if now >= grant.expires_at:
        raise AccessDenied("this link has expired; ask for a new one")


def api_token(*, entropy: bytes) -> str:
    """A new API token from at least 32 bytes of `entropy`."""
    if len(entropy) < 32:
        raise ValueError("an API token needs 32 bytes of entropy")
    return _API_PREFIX + _encode(entropy)


def hash_token(token: str) -> bytes:
    """What is stored of an API token. A plain hash will do: nobody guesses 32 random bytes."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogatepass")).digest()


def sign(purpose: str, text: str, *, key: bytes) -> str:
    """Signature of `text` for one purpose."""
    message = f"{purpose}\n{text}".encode("utf-8", errors="surrogatepass")
    return _encode(hmac.digest(key, message, "sha256"))


def check_signature(signature: str, purpose: str, text: str, *, key: bytes) -> bool:
    """Whether `signature` is what we would sign; takes as long for a wrong one."""
    return _is_equal(signature, sign(purpose, text, key=key))


def _upload_text(grant: UploadGrant) -> str:
    # JSON, not a separator: no part can pretend to be the next one.
    return json.dumps(
        [
            grant.tenant_id,
            grant.run_id,
            grant.sha256,
            grant.size_bytes,
            grant.part,
            grant.crc32,
            int(grant.expires_at.timestamp()),
        ]
    )


def _is_equal(one: str, other: str) -> bool:
    try:
        return hmac.compare_digest(one.encode("ascii"), other.encode("ascii"))
    except UnicodeEncodeError:
        return False


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
