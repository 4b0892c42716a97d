"""Configuration: every option is checked, URLs say what they mean, and no secret is ever shown."""

import pickle

import pytest

from torematrix.core.storage import AsyncStorage, Storage
from torematrix.core.storage.backends.postgresql.config import (
    Durability,
    PostgreSQLConfig,
    SSLMode,
    options_from_url,
)
from torematrix.core.storage.errors import ConfigurationError
from torematrix.core.storage.face.sources import config_from_url

SECRET = "s3cret-w0rd"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("host", value) for value in ("", "a\0b", 5, "\ud800")),
        *(("port", value) for value in (0, -1, 65_536, "5432", True, 1.5)),
        *(("database", value) for value in ("", "a\0b", None, "x" * 64)),
        *(("user", value) for value in ("", "a\0b", 5, "é" * 32)),
        *(("password", value) for value in (f"{SECRET}\0", 5, f"{SECRET}\ud800")),
        *(("sslrootcert", value) for value in ("a\0", 5)),
        *(("schema", value) for value in ("", "pg_catalog", "PG_x", "information_schema", "x" * 64, None)),
        *(("pool_size", value) for value in (0, -1, True, "5", 10_001)),
        *(("min_pool_size", value) for value in (-1, 11, 1.0)),
        *(("pool_timeout", value) for value in (0, -1, float("nan"), float("inf"), "1", True)),
        *(("connect_timeout", value) for value in (0, 0.5, float("nan"))),
        *(("statement_timeout", value) for value in (-0.1, 86_401, float("inf"))),
        *(("lock_timeout", value) for value in (-1, "x")),
        *(("application_name", value) for value in ("é", "x" * 64, None, "a\0")),
        ("cursor_key", b"short"),
    ],
)
def test_what_cannot_work_is_refused(name, value):
    """An option of the wrong kind or out of its range is a ConfigurationError that names it and not its value."""
    with pytest.raises(ConfigurationError) as refusal:
        PostgreSQLConfig(**{name: value})
    assert name in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_unknown_options_are_refused():
    """A misspelt option is not passed over."""
    with pytest.raises(ConfigurationError, match="sslmod"):
        config_from_url("postgresql://localhost/a", {"sslmod": "require"})


def test_nothing_shows_the_password():
    """Neither repr, nor str, nor what contains a configuration shows a secret."""
    config = PostgreSQLConfig(password=SECRET, cursor_key=SECRET.encode() * 4)
    shown = [repr(config), str(config), f"{config}", repr([config]), repr({"config": config})]
    shown += [repr(Storage(config)), repr(AsyncStorage(config))]
    assert not any(SECRET in text for text in shown)
    assert pickle.loads(pickle.dumps(config)) == config


def test_options_go_to_libpq_one_by_one():
    """What a URL or a caller gives is a keyword's value, however it looks, and never part of a connection string."""
    nasty = "x' host=elsewhere password=y \\"
    options = PostgreSQLConfig(
        database="d", user=nasty, password=nasty, sslmode=SSLMode.REQUIRE
    ).connection_options()
    assert options["user"] == options["password"] == nasty
    assert options["sslmode"] == "require"
    assert options["host"] == "localhost"
    assert "sslcert" not in options


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://", {}),
        ("postgresql:///", {}),
        ("postgresql://h", {"host": "h"}),
        ("postgresql://h:5/d", {"host": "h", "port": 5, "database": "d"}),
        ("postgresql://u@h/d", {"user": "u", "host": "h", "database": "d"}),
        ("postgresql://u:@h/d", {"user": "u", "password": "", "host": "h", "database": "d"}),
        ("postgresql://u:p@[::1]:7/d", {"user": "u", "password": "p", "host": "::1", "port": 7, "database": "d"}),
        ("postgresql://u%40x:p%3A%2F%40%3F@/d%2Fe", {"user": "u@x", "password": "p:/@?", "database": "d/e"}),
        ("postgresql://%2Fvar%2Frun/d", {"host": "/var/run", "database": "d"}),
        ("postgresql:///d", {"database": "d"}),
    ],
)  # fmt: skip
def test_the_parts_of_a_url(url, expected):
    """Each part may be missing; each may be percent-encoded."""
    assert options_from_url(url) == expected


def test_what_follows_the_question_mark():
    """Further options stand in the query, a socket's folder among them, and are overridden by keywords."""
    url = "postgresql://u:p@h:5/d?sslmode=verify-full&schema=s&pool_size=3&host=/run/pg&durability=fast"
    config = config_from_url(url, {"pool_size": 4})
    assert config.host == "/run/pg"
    assert config.sslmode is SSLMode.VERIFY_FULL
    assert config.durability is Durability.FAST
    assert (config.schema, config.pool_size, config.port, config.password) == ("s", 4, 5, "p")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:{SECRET}@h:99999/d",
        f"postgresql://u:{SECRET}@[::1/d",
        f"postgresql://u:{SECRET}@h/d/e",
        f"postgresql://u:{SECRET}#x@h/d",
        f"postgresql://u:{SECRET}@h/d#{SECRET}",
        f"postgresql://u:{SECRET}@h/d?sslmode={SECRET}",
        f"postgresql://u:{SECRET}@h/d?{SECRET}x=1&schema=",
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(url):
    """What a message about a URL says holds nothing of the password, wherever it was put."""
    with pytest.raises(ConfigurationError) as refusal:
        config_from_url(url, {})
    shown = str(refusal.value).replace(f"{SECRET}x", "")  # the name of an option that there is not
    assert SECRET not in shown
