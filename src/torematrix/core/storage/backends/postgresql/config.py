"""How a PostgreSQL database is reached, and what every session of this library is set to."""

from __future__ import annotations

import enum
import math
from typing import Any, ClassVar, Final
from urllib.parse import unquote, urlsplit

from ...core.configuration import Configuration
from ...errors import ConfigurationError

__all__ = ["Durability", "PostgreSQLConfig", "SSLMode", "options_from_url"]


class Durability(enum.StrEnum):
    """What survives when the server's power fails right after a write was acknowledged."""

    DURABLE = "durable"
    """Every acknowledged write: each commit waits for the disk."""
    FAST = "fast"
    """Everything but the last moments: the database is never damaged, recent commits may be undone together."""


class SSLMode(enum.StrEnum):
    """How far a connection is protected; from ``verify-full`` on, by whom it is answered is certain."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


_LONGEST: Final = 86_400.0
_NAME_BYTES: Final = 63


class PostgreSQLConfig(Configuration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PostgreSQL database.

    What is None is left to libpq, which also reads its environment variables and password file.

    Attributes:
        host: a name, an address, or the folder of a Unix socket.
        port: where the server listens.
        database: the name of the database.
        user: the role.
        password: never shown, and handed to libpq alone.
        sslmode: how far the connection is protected; None for libpq's own default, ``prefer``.
        sslrootcert, sslcert, sslkey: files of certificates and of the client's key.
        schema: where the library's tables are; created when absent and allowed.
        pool_size: how many connections there are at most.
        min_pool_size: how many are kept open when nobody needs them.
        pool_timeout: seconds to wait for a connection when all are in use, then UnavailableError.
        connect_timeout: seconds to wait for the server when connecting.
        statement_timeout: seconds a statement may take, then UnavailableError; 0 for no limit.
        lock_timeout: seconds to wait for another transaction's lock, then UnavailableError; 0 for no limit.
        application_name: how the server lists the sessions.
        durability: durable unless a faster setting is chosen.
        cursor_key: signs cursors, at least 32 bytes; None keeps one in the database.
    """

    shown: ClassVar[tuple[str, ...]] = ("host", "port", "database", "user", "schema", "durability")

    host: str | None = "localhost"
    port: int = 5432
    database: str = "postgres"
    user: str | None = None
    password: str | None = None
    sslmode: SSLMode | None = None
    sslrootcert: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None
    schema: str = "public"
    pool_size: int = 10
    min_pool_size: int = 1
    pool_timeout: float = 10.0
    connect_timeout: float = 10.0
    statement_timeout: float = 60.0
    lock_timeout: float = 10.0
    application_name: str = "torematrix-storage"
    durability: Durability = Durability.DURABLE
    cursor_key: bytes | None = None

    def __post_init__(self) -> None:
        texts = ("host", "database", "user", "password", "sslrootcert", "sslcert", "sslkey", "schema")
        for name in (*texts, "application_name"):
            value: object = getattr(self, name)
            # The value is never part of the message: it may be a secret, or hold one by mistake.
            optional = name not in ("database", "schema", "application_name")
            if value is None and optional:
                continue
            if not isinstance(value, str) or "\x00" in value or not _encodes(value):
                raise ConfigurationError(f"{name} is text without NUL")
        if not self.database or not self.schema or self.host == "" or self.user == "":
            raise ConfigurationError("database, schema, host and user are not empty")
        if any(len(name.encode()) > _NAME_BYTES for name in (self.database, self.schema, self.user or "")):
            raise ConfigurationError(f"database, schema and user have at most {_NAME_BYTES} bytes")
        if self.schema.lower().startswith("pg_") or self.schema.lower() == "information_schema":
            raise ConfigurationError("schema is none of PostgreSQL's own")
        if len(self.application_name.encode()) > _NAME_BYTES or not self.application_name.isascii():
            raise ConfigurationError(f"application_name is ASCII, at most {_NAME_BYTES} characters")
        _whole("port", self.port, 1, 65_535)
        _whole("pool_size", self.pool_size, 1, 10_000)
        _whole("min_pool_size", self.min_pool_size, 0, self.pool_size)
        _seconds("pool_timeout", self.pool_timeout, least=0.001)
        _seconds("connect_timeout", self.connect_timeout, least=1)
        _seconds("statement_timeout", self.statement_timeout, least=0)
        _seconds("lock_timeout", self.lock_timeout, least=0)
        self.check_types("sslmode", "durability", "cursor_key")
        if self.cursor_key is not None and len(self.cursor_key) < 32:
            raise ConfigurationError("cursor_key has at least 32 bytes")

    def connection_options(self) -> dict[str, Any]:
        """What libpq is given, each as a keyword: nothing is formatted into a string here."""
        options: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "sslmode": None if self.sslmode is None else self.sslmode.value,
            "sslrootcert": self.sslrootcert,
            "sslcert": self.sslcert,
            "sslkey": self.sslkey,
            "connect_timeout": math.ceil(self.connect_timeout),
            "application_name": self.application_name,
            "client_encoding": "UTF8",
            # A peer that vanished without a word is noticed within half a minute.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
        return {name: value for name, value in options.items() if value is not None}


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigurationError(f"{name} is a whole number from {least:,} to {most:,}")


def _seconds(name: str, value: object, least: float) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and least <= value <= _LONGEST):  # type: ignore[arg-type,operator]
        raise ConfigurationError(f"{name} is in seconds, from {least:g} to {_LONGEST:,.0f}")


def options_from_url(url: str) -> dict[str, object]:
    """The options in ``postgresql://user:password@host:port/database``; what follows a ``?`` is for the caller.

    Each part may be missing and may be percent-encoded. A Unix socket's folder stands in ``?host=``.

    Raises:
        ConfigurationError: it is no such URL. Nothing of it is echoed, for it may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError:
        raise ConfigurationError(
            "the URL is not acceptable; write postgresql://user:password@host:port/database, with what is special in "
            "a part percent-encoded"
        ) from None
    if parts.fragment:
        raise ConfigurationError("the URL has a fragment; write # as %23")
    path = unquote(parts.path)[1:]
    if "/" in parts.path[1:]:
        raise ConfigurationError("the URL's path names one database; write / in its name as %2F")
    options: dict[str, object] = {}
    if host:
        # urlsplit folds a name's case, which is no harm, and leaves it percent-encoded.
        options["host"] = unquote(host)
    if port is not None:
        options["port"] = port
    if path:
        options["database"] = path
    if parts.username:
        options["user"] = unquote(parts.username)
    if parts.password is not None:
        options["password"] = unquote(parts.password)
    return options
