"""Databases that a person has named by a variable."""

from orchestration.settings import InvalidSetting
from sweeps.errors import StorageUnavailable


def prove_named(variable: str, url: str) -> None:
    """Connect once to a database that a person has named; errors say by which variable.

    Raises:
        InvalidSetting: That is no URL of a database.
        StorageUnavailable: It does not answer.
    """
    from storage.database import prove
    from storage.database_url import FORM, InvalidDatabaseUrl

    try:
        prove(url)
    except InvalidDatabaseUrl:
        # Not with its own words: they may quote a password.
        raise InvalidSetting(variable, "…", hint=FORM) from None
    except StorageUnavailable as exc:
        raise StorageUnavailable(f"{exc} ({variable} says where it is)") from exc
