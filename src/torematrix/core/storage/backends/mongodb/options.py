"""What PyMongo is told: how to connect, how safe reads and writes are, how values are read."""

from __future__ import annotations

from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import split_options
from pymongo.write_concern import WriteConcern

from ...errors import ConfigurationError
from .config import Durability, MongoDBConfig

__all__ = [
    "RAW",
    "READING",
    "READING_ROWS",
    "Reading",
    "check_connection",
    "client_options",
    "journal",
    "read_concern",
    "refused",
    "transaction_concern",
    "write_concern",
]


_ANSWER: Final = 1.0
"""Seconds in which the server says that it has given up."""


class _Int64(TypeDecoder):
    """A long as a plain int: the library asks for types exactly, and gives to users what it was given."""

    bson_type = Int64  # type: ignore[assignment,unused-ignore]  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType] - as bson documents it

    def transform_bson(self, value: Any) -> int:
        return int(value)


RAW: Final[CodecOptions[Any]] = CodecOptions(document_class=RawBSONDocument)
"""For replies of commands: PyMongo decodes those without its registry, so the library decodes them whole."""
Reading: TypeAlias = CodecOptions[Any]
READING: Final[Reading] = CodecOptions(type_registry=TypeRegistry([_Int64()]))
"""For documents."""
READING_ROWS: Final[Reading] = CodecOptions()
"""For documents that are made rows with every int in sight (see ``documents``): the registry looks at each value."""
_SNAPSHOT: Final = ReadConcern("snapshot")
_LOCAL: Final = ReadConcern("local")


def check_connection(config: MongoDBConfig) -> None:
    """Refuse a URI that PyMongo does, or in which it would pass over a mistake with a warning.

    Raises:
        ConfigurationError: it says no more, for the URI may hold secrets anywhere.
    """
    query = urlsplit(config.connection).query
    if not query:
        return
    try:
        split_options(query, validate=True, warn=False)
    except (PyMongoError, ValueError, TypeError):
        raise refused() from None


def refused() -> ConfigurationError:
    """The error for a URI that is not acceptable."""
    return ConfigurationError(
        "the connection's URI is not acceptable to PyMongo: check its hosts, its user and its parameters",
        backend="mongodb",
    )


def client_options(config: MongoDBConfig) -> dict[str, Any]:
    """The options of a client, beside its URI."""
    options: dict[str, Any] = {
        "maxPoolSize": config.pool_size,
        "waitQueueTimeoutMS": _milliseconds(config.pool_timeout),
        "serverSelectionTimeoutMS": _milliseconds(config.connect_timeout),
        "connectTimeoutMS": _milliseconds(config.connect_timeout),
        # For a server that no longer answers: one that does keeps to the limit that each command carries.
        "socketTimeoutMS": _milliseconds(config.operation_timeout + _ANSWER),
        "retryWrites": True,
        "retryReads": True,
    }
    if "appname=" not in config.connection.lower():
        options["appname"] = "torematrix-storage"
    return options


def write_concern(config: MongoDBConfig) -> WriteConcern:
    """When a write counts as done."""
    if config.durability is Durability.FAST:
        return WriteConcern(w=1, j=False)
    return WriteConcern(w="majority", j=True)


def read_concern(config: MongoDBConfig) -> ReadConcern:
    """What reads outside transactions see: never less than the writes that were acknowledged before.

    A write that one server has acknowledged is in no majority's snapshot yet; that server, the primary, has it.
    """
    return _LOCAL if config.durability is Durability.FAST else ReadConcern("majority")


def transaction_concern(config: MongoDBConfig) -> ReadConcern:
    """The same for transactions.

    With ``local`` too a transaction reads one snapshot, which on the primary is that of the storage engine: on a
    router's shards it would be one on each.
    """
    return _LOCAL if config.durability is Durability.FAST else _SNAPSHOT


def journal(config: MongoDBConfig) -> dict[str, Any]:
    """The same, for a command."""
    document: dict[str, Any] = write_concern(config).document
    return document


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
