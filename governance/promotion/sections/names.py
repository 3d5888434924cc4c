"""Names that models and aliases may have. Pure."""

import re

from sweeps.errors import PermanentError

MODEL_EXAMPLE, ALIAS_EXAMPLE = "digits", "production"
MODEL_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"  #: also part of ``model:NAME@N`` and of an address
ALIAS = r"[a-z][a-z0-9-]{0,39}"


class InvalidModelName(PermanentError):
    """A name that no model, or no alias, can have."""


def check_model_name(name: str) -> str:
    """`name`, if a model can be called so. `InvalidModelName`."""
    return _checked_name(name, MODEL_NAME, f"of a model; write for example {MODEL_EXAMPLE}")


def check_alias(alias: str) -> str:
    """`alias`, if an alias can be called so. `InvalidModelName`."""
    return _checked_name(alias, ALIAS, f"of an alias; write for example {ALIAS_EXAMPLE}")


def _checked_name(name: str, pattern: str, what: str) -> str:
    if re.fullmatch(pattern, name) is None:
        raise InvalidModelName(f"{name[:80]!r} cannot be the name {what}")
    return name
