"""URLs of databases, looked at before anything connects: what goes wrong later may be quoted.

libpq takes a password with an ``@`` or ``/`` in it apart at the wrong place, and then says in plain
words that there is no host of the name of its rest.
"""

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from sweeps.errors import PermanentError

#: What a person is to write instead.
FORM = (
    "write postgresql://user:password@host:port/database, and in the password %40 for @, "
    "%2F for /, %3A for :, %25 for %"
)


class InvalidDatabaseUrl(PermanentError):
    """What is no URL of a database; nothing of it is quoted, since it holds a password."""

    def __init__(self) -> None:
        super().__init__(f"the URL of the database cannot be read; {FORM}")


def check_database_url(url: str) -> None:
    """Raise InvalidDatabaseUrl unless what is said of its connections can be shown to anybody.

    Either form of libpq is good: a URL, or ``host=… password=…``.
    """
    try:
        parts = conninfo_to_dict(url)
    except (ProgrammingError, UnicodeDecodeError):  # of bytes by percent that are no UTF-8
        raise InvalidDatabaseUrl from None  # its words quote the URL
    host, database, ports = (str(parts.get(name) or "") for name in ("host", "dbname", "port"))
    if "host=" in url:
        host = host.removeprefix("@")  # an abstract socket
    if "@" in host or "@" in database:
        raise InvalidDatabaseUrl
    if not all(port == "" or port.isdecimal() for port in ports.split(",")):
        raise InvalidDatabaseUrl
