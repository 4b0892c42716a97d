"""Databases and collections by what the command line was told; nothing is created that was only asked about."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ConfigurationError
from ..face._sync.repository import StorageRepository
from ..face._sync.storage import Storage
from ..face.registry import backend_named, names
from ..face.sources import config_from, config_from_url
from ..model.markers import Index, Unique
from .outcome import CommandError, ExitCode

__all__ = ["Stored", "config_of", "database_path", "opened", "stored_collection", "stored_indexes"]

DEFAULT_COLLECTION = "documents"
_TYPES: dict[str, type[object]] = {"str": str, "int": int, "float": float, "bool": bool}


class Stored(msgspec.Struct, frozen=True):
    """A collection that is there.

    Attributes:
        name: its name.
        description: its stored schema.
        repository: its entities, as dicts.
    """

    name: str
    description: dict[str, Any]
    repository: StorageRepository[dict[str, Any]]

    @property
    def searchable(self) -> list[str]:
        """The paths that search looks at."""
        return [str(path) for path, _ in self.description["searchable"]]

    def kind(self, path: str) -> str | None:
        """The declared kind of the scalar at a path, such as "int"; None where nothing or no scalar is declared."""
        field = self.description["fields"].get(path)
        if field is not None:
            return field["shape"] if isinstance(field["shape"], str) else None
        for index in self.description["indexes"]:
            for declared, kind in zip(index["paths"], index["kinds"], strict=True):
                if declared == path and isinstance(kind, str):
                    return kind
        return None


def config_of(url: str, option: str = "--storage") -> Any:
    """The configuration a URL, or the path of a SQLite file, stands for."""
    try:
        if "://" in url or url.partition(":")[0] in names():  # else the path of a file would hold a password
            return config_from_url(url, {})
        return config_from(backend_named("sqlite"), {"database_path": url})
    except ConfigurationError as error:
        # A missing client library is no mistake in the URL.
        code = ExitCode.FAILED if isinstance(error.__cause__, ImportError) else ExitCode.USAGE
        raise CommandError(f"{option}: {error}", code) from error


def database_path(config: Any) -> Path | None:
    """The file of the database; None for one that has none."""
    path = getattr(config, "database_path", None)
    return Path(path) if isinstance(path, str) and not getattr(config, "is_memory", False) else None


@contextlib.contextmanager
def opened(
    url: str, *, write: bool = False, makes: bool = False, option: str = "--storage"
) -> Generator[Storage, None, None]:
    """The storage. Opened for reading, nothing in it can change; unless it ``makes`` a database, it must be there."""
    config = config_of(url, option)
    path = database_path(config)
    if path is not None and not makes and not path.exists():
        raise CommandError(
            f"there is no database {str(path)!r}: import something into it first, or name another with {option}",
            ExitCode.NOT_FOUND,
        )
    if path is not None and not write:
        config = msgspec.structs.replace(config, read_only=True)
    with Storage(config) as storage:
        yield storage


def stored_collection(storage: Storage, name: str | None) -> Stored:
    """The collection of that name; without one, the only one, or the one named 'documents'."""
    known = storage.collections()
    if name is None:
        if len(known) > 1 and DEFAULT_COLLECTION not in known:
            raise CommandError(f"choose a collection with --collection: {', '.join(known)}", ExitCode.USAGE)
        name = next(iter(known)) if len(known) == 1 else DEFAULT_COLLECTION
    if name not in known:
        there = (
            f"there are {', '.join(known)}" if known else "nothing is stored here yet; import something first"
        )
        raise CommandError(f"there is no collection {name!r}: {there}", ExitCode.NOT_FOUND)
    return Stored(name, known[name], storage.stored_repository(name))


def stored_indexes(description: dict[str, Any]) -> list[Index]:
    """The declarations of the indexes that a free-form collection has."""
    found: list[Index] = []
    for index in description["indexes"]:
        paths, kinds = index["paths"], index["kinds"]
        typed = [_TYPES[kinds[0]]] if len(paths) == 1 and kinds[0] is not None else []
        if index["unique"]:
            found.append(Unique(*paths, *typed, name=index["name"]))
        else:
            found.append(Index(*paths, *typed, name=index["name"], substring=index["substring"]))
    return found
