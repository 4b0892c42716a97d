"""SQLAlchemy's engines, for everybody who stands on it: the settings all candidates have, and the same pool."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .postgresql._form import POOL
from .sqlite import _form as sqlite

_OPTIONS: Final[dict[str, Any]] = {
    "pool_size": POOL,
    "max_overflow": 0,  # a connection above the pool's size is closed after each use
    # msgspec for JSON columns: the quickest there is.
    "json_serializer": lambda value: msgspec.json.encode(value).decode(),
    "json_deserializer": msgspec.json.decode,
}


def _prepare(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute(sqlite.AUTO_VACUUM)
    for name, value in sqlite.PRAGMAS.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.close()


def engine_at(place: str, **options: Any) -> Engine:
    """SQLAlchemy over sqlite3 or psycopg."""
    url = place.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = create_engine(url, **_OPTIONS, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
    return engine


def async_engine_at(place: str, **options: Any) -> AsyncEngine:
    """SQLAlchemy over aiosqlite or psycopg's asynchronous connections."""
    url = place.replace("postgresql:", "postgresql+psycopg:", 1).replace("sqlite:", "sqlite+aiosqlite:", 1)
    engine = create_async_engine(url, **_OPTIONS, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare)
    return engine
