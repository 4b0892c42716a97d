"""How a MongoDB deployment is reached."""

from __future__ import annotations

import enum
import math
import re
from typing import ClassVar, Final
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from ...core.configuration import Configuration
from ...errors import ConfigurationError

__all__ = ["Durability", "MongoDBConfig", "options_from_url"]

_SCHEMES: Final = ("mongodb", "mongodb+srv")
_DATABASE: Final = re.compile(r"[^/\\. \"$*<>:|?\x00]+")
_PASSED_ON: Final = frozenset(
    {
        *("replicaset", "directconnection", "loadbalanced", "appname", "compressors", "zlibcompressionlevel"),
        *("tls", "ssl", "tlscafile", "tlscertificatekeyfile", "tlscertificatekeyfilepassword", "tlscrlfile"),
        *(
            "tlsinsecure",
            "tlsallowinvalidcertificates",
            "tlsallowinvalidhostnames",
            "tlsdisableocspendpointcheck",
        ),
        *("authsource", "authmechanism", "authmechanismproperties", "srvmaxhosts", "srvservicename"),
        *("heartbeatfrequencyms", "localthresholdms", "maxidletimems", "maxconnecting", "minpoolsize"),
        *("servermonitoringmode", "retryreads"),
    }
)
"""Parameters of a URI that say how to reach the deployment, and are PyMongo's own business."""
_INSTEAD: Final = {
    "maxpoolsize": "pool_size",
    "waitqueuetimeoutms": "pool_timeout",
    "connecttimeoutms": "connect_timeout",
    "serverselectiontimeoutms": "connect_timeout",
    "sockettimeoutms": "operation_timeout",
    "timeoutms": "operation_timeout",
    "wtimeoutms": "operation_timeout",
    "w": "durability",
    "journal": "durability",
}
"""Parameters for which there is an option."""
_AS_IT_IS: Final = {
    "w": "majority",
    "journal": "true",
    "retrywrites": "true",
    "readpreference": "primary",
    "readconcernlevel": "majority",
}
"""What some parameters always are here; saying so is no mistake."""
_OURS: Final = frozenset(
    {
        "database",
        "pool_size",
        "pool_timeout",
        "connect_timeout",
        "operation_timeout",
        "durability",
        "cursor_key",
    }
)


class Durability(enum.StrEnum):
    """What survives when a server fails right after a write was acknowledged."""

    DURABLE = "durable"
    """Every acknowledged write: a majority of the servers have it in their journals."""
    FAST = "fast"
    """Acknowledged by one server from memory: a failover, or losing power, may undo the last moments.

    Whoever reads sees such a write at once.
    """


class MongoDBConfig(Configuration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A database of a MongoDB deployment: a replica set, a sharded cluster, or a standalone server.

    Attributes:
        connection: the deployment's URI; TLS, authentication and the replica set's name are its parameters.
        database: the database, made by its first collection.
        pool_size: connections to each server at most.
        pool_timeout: seconds to wait for one of them, then UnavailableError.
        connect_timeout: seconds to reach the deployment when it is opened, and then to find a server that can serve a
            read, then UnavailableError.
        operation_timeout: seconds an operation may take, on the server too, then UnavailableError.
        durability: durable unless a faster setting is chosen.
        cursor_key: signs cursors, at least 32 bytes; None keeps one in the database.
    """

    shown: ClassVar[tuple[str, ...]] = ("host", "database", "durability")

    connection: str = "mongodb://localhost:27017"
    database: str = "torematrix"
    pool_size: int = 100
    pool_timeout: float = 10.0
    connect_timeout: float = 10.0
    operation_timeout: float = 30.0
    durability: Durability = Durability.DURABLE
    cursor_key: bytes | None = None

    def __post_init__(self) -> None:
        for name, kind in (("connection", str), ("database", str), ("pool_size", int)):
            given: object = getattr(self, name)
            if not isinstance(given, kind) or isinstance(given, bool):
                raise ConfigurationError(f"{name} is of type {kind.__name__}")
        try:
            scheme = urlsplit(self.connection).scheme
        except ValueError:
            scheme = ""
        if scheme not in _SCHEMES or "://" not in self.connection:
            raise ConfigurationError(
                "connection is a URI such as mongodb://host:27017/?replicaSet=name or mongodb+srv://host"
            )
        _check_parameters(self.connection)
        # The server's own limits; on Windows it allows fewer characters, and those are refused everywhere.
        if not _DATABASE.fullmatch(self.database) or len(self.database.encode()) > 63:
            raise ConfigurationError(
                'database is a name of at most 63 bytes, without / \\ . " $ * < > : | ? and blanks'
            )
        if self.pool_size < 1:
            raise ConfigurationError("pool_size is at least 1")
        for name in ("pool_timeout", "connect_timeout", "operation_timeout"):
            if not _is_seconds(getattr(self, name)):
                raise ConfigurationError(f"{name} is in seconds, above 0 and at most 86,400")
        self.check_types("durability", "cursor_key")
        if self.cursor_key is not None and len(self.cursor_key) < 32:
            raise ConfigurationError("cursor_key has at least 32 bytes")

    @property
    def host(self) -> str:
        """The servers alone: the rest of a URI may hold secrets."""
        return urlsplit(self.connection).netloc.rpartition("@")[2]


def _is_seconds(value: object) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return math.isfinite(value) and 0 < value <= 86_400


def _check_parameters(connection: str) -> None:
    """Refuse parameters that would make answers or guarantees others than the library promises."""
    for name, value in parse_qsl(urlsplit(connection).query, keep_blank_values=True):
        lowered = name.lower()
        if lowered in _PASSED_ON or _AS_IT_IS.get(lowered) == value.lower():
            continue
        if lowered in _INSTEAD:
            raise ConfigurationError(f"connection: give the option {_INSTEAD[lowered]} instead of {lowered}")
        if lowered in _AS_IT_IS:
            raise ConfigurationError(f"connection: {lowered} is always {_AS_IT_IS[lowered]}")
        raise ConfigurationError(
            "connection: a parameter of the URI is none that is known; those that say how to reach the deployment are "
            + ", ".join(sorted(_PASSED_ON))
        )


def options_from_url(url: str) -> dict[str, object]:
    """The options of a URL: ``mongodb://user:password@h1,h2/app?replicaSet=rs0&pool_size=5``.

    The path is the database. Parameters that are options of ours become those; all others stay in the URI.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError("the URL is not one of a MongoDB deployment") from None
    options: dict[str, object] = {}
    rest: list[str] = []
    # What is MongoDB's own stays as it is written. In what is ours a plus sign is a plus sign, as in every storage URL.
    for part in parts.query.split("&") if parts.query else ():
        name, _, value = part.partition("=")
        if unquote(name) not in _OURS:
            rest.append(part)
        elif unquote(name) in options:
            raise ConfigurationError("a storage URL gives an option twice")
        else:
            options[unquote(name)] = unquote(value)
    path = unquote(parts.path.strip("/"))
    if path:
        options.setdefault("database", path)
    options["connection"] = urlunsplit((parts.scheme, parts.netloc, parts.path or "/", "&".join(rest), ""))
    return options
