"""The engines that these tests bring faults upon: servers of their own, started once a process."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from torematrix.core.storage.testing.faults.engines import Engine, engine_of


@pytest.fixture(scope="session")
def engines() -> Iterator[dict[str, Engine]]:
    made: dict[str, Engine] = {}
    yield made
    for engine in made.values():
        engine.close()


def _made(engines, name):
    if name not in engines:
        engines[name] = engine_of(name)
    return engines[name]


@pytest.fixture
def made(engines):
    """Gives the engine of a name."""
    return lambda name: _made(engines, name)


@pytest.fixture(params=["sqlite", "postgresql", "mongodb"])
def engine(request, engines):
    return _made(engines, request.param)


@pytest.fixture(params=["postgresql", "mongodb"])
def server(request, engines):
    return _made(engines, request.param)


@pytest.fixture
def mongodb(engines):
    return _made(engines, "mongodb")


@pytest.fixture
def postgresql(engines):
    return _made(engines, "postgresql")


@pytest.fixture
def database(engine) -> Iterator[str]:
    url = engine.new_database()
    yield url
    engine.drop(url)


@pytest.fixture(autouse=True)
def _quiet():
    """That a pool cannot connect, and that a transaction is tried again, is what this is about."""
    loggers = [logging.getLogger(name) for name in ("psycopg", "psycopg.pool", "stamina")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
