"""New databases on every engine that keeps what it stores."""

from __future__ import annotations

import pytest

PLACES = {
    "sqlite": "sqlite:///{tmp}/migrations.db",
    "postgresql": "{postgresql}",
    "mongodb": "{mongodb}",
    "mongodb-standalone": "{mongodb_standalone}",
}


@pytest.fixture
def place(new_database):
    """Gives the URL of a new, empty database on an engine."""
    return lambda name: new_database(PLACES[name])


@pytest.fixture(params=PLACES)
def url(request, place) -> str:
    return place(request.param)
