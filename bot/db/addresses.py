"""The database's address: as people write it, as the driver takes it, and as it may be shown."""

import os
import ssl
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
# Where drivers take a password besides the address's own place for it.
SECRETS = ("password", "sslpassword")
# What SQLAlchemy's driver reads from an address itself.
KEPT = {"host", "port", "password", "ssl"}
# What it wants as numbers, by the name it has there.
NUMBERS = {
    "statement_cache_size": "statement_cache_size",
    "prepared_statement_cache_size": "prepared_statement_cache_size",
    "connect_timeout": "timeout",
}
# libpq's names, which asyncpg reads from an address of libpq's kind only.
LIBPQ = {
    *("application_name", "options", "client_encoding", "target_session_attrs", "passfile", "krbsrvname"),
    *("sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
}
# Providers print them for libpq; asyncpg has no such thing, and connects without.
WITHOUT = {
    *("channel_binding", "gssencmode", "sslcompression", "sslsni", "tcp_user_timeout"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
}
ESCAPE = (
    "special characters in the user's name and the password must be in percent form "
    "(@ is %40, : is %3A, / is %2F, # is %23, ? is %3F, % is %25)"
)


def understood(typed: str) -> str:
    """The same address with our driver. Raises ValueError, whose sentence has nothing of the address."""
    if "://" not in typed:
        raise ValueError("must look like sqlite+aiosqlite:///data/cohort.db or postgresql://…")
    try:
        url = make_url(typed.strip())
    except (ArgumentError, ValueError):  # a port that is no number is mostly the rest of a password
        raise ValueError(f"cannot be read: the port must be a number, and {ESCAPE}") from None
    backend = url.drivername.partition("+")[0]
    if backend not in DRIVERS:
        raise ValueError("must begin with sqlite or postgresql")
    url = _sqlite(url) if backend == "sqlite" else _postgresql(url)
    return url.set(drivername=DRIVERS[backend]).render_as_string(hide_password=False)


def shown(address: str) -> str:
    """What people may see of it: every password is stars."""
    url = make_url(address)
    stars = {name: "***" for name in SECRETS if name in url.query}
    return url.update_query_dict(stars).render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def passwords(address: str) -> list[str]:
    """Every secret in it."""
    url = make_url(address)
    found = [value for name in SECRETS for value in url.normalized_query.get(name, ())]
    return [secret for secret in (url.password, *found) if secret]


def for_driver(address: str) -> tuple[URL, dict[str, Any]]:
    """The address without the options that SQLAlchemy's driver does not know, and these as its arguments."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        return url, {}
    arguments: dict[str, Any] = {
        NUMBERS[name]: int(str(url.query[name])) for name in NUMBERS & url.query.keys()
    }
    libpq = {name: url.query[name] for name in sorted(LIBPQ & url.query.keys())}
    if libpq.get("sslrootcert") == "system":  # libpq's word for what OpenSSL trusts
        libpq["sslrootcert"] = ssl.get_default_verify_paths().cafile or "system"
    if libpq:
        arguments["dsn"] = f"postgresql://?{urlencode(libpq, doseq=True)}"
    return url.difference_update_query([*NUMBERS, *LIBPQ, *WITHOUT]), arguments


def _sqlite(url: URL) -> URL:
    if url.host:
        raise ValueError("must have three slashes before the file (sqlite:///data/cohort.db), or four")
    if url.database in (None, "", ":memory:"):
        raise ValueError("must name a file: a database in memory forgets everything")
    if str(url.database).endswith("/") or os.path.isdir(str(url.database)):
        raise ValueError("must name a file: this is a folder")
    if url.query:
        raise ValueError("must end with the file's name: a SQLite address has no options behind a ?")
    return url


def _postgresql(url: URL) -> URL:
    if "@" in (url.host or "") or "@" in (url.database or ""):
        raise ValueError(f"cannot be read: {ESCAPE}")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("must name a port from 1 to 65535")
    if "sslmode" in url.query:  # libpq's name, which hosting providers print; the driver calls it ssl
        url = url.update_query_dict({"ssl": url.query["sslmode"]}).difference_update_query(["sslmode"])
    # In their own places nothing shows the password.
    if "user" in url.query:
        url = url.set(username=url.normalized_query["user"][-1]).difference_update_query(["user"])
    if "password" in url.query and url.username is not None:
        url = url.set(password=url.normalized_query["password"][-1]).difference_update_query(["password"])
    unknown = url.query.keys() - KEPT - NUMBERS.keys() - LIBPQ - WITHOUT
    if unknown:
        # Cut off, and nothing but a name: what stands there may be the rest of a password.
        names = [name if name.isidentifier() and len(name) < 32 else "…" for name in sorted(unknown)]
        raise ValueError(f"has options that Cohort does not know: {', '.join(names)}. Leave them out")
    for name in NUMBERS.keys() & url.query.keys():
        if not str(url.query[name]).isdecimal():
            raise ValueError(f"must have a number as {name}")
    return url
