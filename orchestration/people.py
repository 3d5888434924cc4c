"""Who is typing."""

import os
import pwd


def person() -> str:
    """Name of this process' user, by the system: variables of its environment say nothing.

    Whoever may become another user of the machine may say things for them.
    """
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user without a name
        return f"uid-{uid}"
