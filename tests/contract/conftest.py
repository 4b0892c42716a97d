"""What the tests of the contract share: the engines, and how an application would configure each."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from torematrix.core.storage import StorageBackend
from torematrix.core.storage.face.sources import options_of_url

ENGINES = ["sqlite", "postgresql", "postgresql_icu", "mongodb"]


class Engine(msgspec.Struct):
    """One engine, with a new database.

    Attributes:
        backend: its name.
        options: what reaches the database, by keyword.
        url: the same as a URL.
    """

    backend: StorageBackend
    options: dict[str, Any]
    url: str


@pytest.fixture(params=ENGINES)
def engine(
    request: pytest.FixtureRequest, new_database: Callable[[str], str], tmp_path: Path
) -> Iterator[Engine]:
    """Each engine in turn."""
    if request.param == "sqlite":
        path = tmp_path / "data" / "myapp.db"
        yield Engine(StorageBackend.SQLITE, {"database_path": str(path)}, f"sqlite:///{path}")
        return
    url = new_database("{" + request.param + "}")
    backend, options = options_of_url(url)
    yield Engine(StorageBackend(backend.name), options, url)


@pytest.fixture
def told() -> Callable[[BaseException], str]:
    """Gives all that a log of an error would show: its text, and those of its causes."""

    def shown(error: BaseException) -> str:
        return "".join(traceback.format_exception(error, limit=0)) + repr(error)

    return shown
