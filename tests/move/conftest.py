"""Databases to move between: a filled source on each engine, and empty targets."""

from __future__ import annotations

import pytest

from torematrix.core.storage import Storage

PLACES = {
    "sqlite": "sqlite:///{tmp}/move.db",
    "postgresql": "{postgresql}",
    "postgresql_icu": "{postgresql_icu}",
    "mongodb": "{mongodb}",
}


@pytest.fixture
def place(new_database):
    """Gives the URL of a new, empty database on an engine."""
    return lambda name: new_database(PLACES[name])


@pytest.fixture
def opened(place):
    """Gives an open storage on a new database of an engine, or on a URL."""
    storages = []

    def open_storage(name_or_url):
        url = name_or_url if "://" in name_or_url else place(name_or_url)
        storages.append(Storage.open(url))
        return storages[-1]

    yield open_storage
    for storage in storages:
        storage.close()
