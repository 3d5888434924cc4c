"""Who is typing."""

import getpass


def person() -> str:
    """Name of this process' user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
