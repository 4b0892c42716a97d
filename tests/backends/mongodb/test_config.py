"""URLs and options: what they become, what is refused, and that nothing shows a secret."""

import pytest

from torematrix.core.storage.backends.mongodb.config import MongoDBConfig, options_from_url
from torematrix.core.storage.errors import ConfigurationError

SECRET = "s3cret"


def test_a_url_gives_options():
    """The path is the database, parameters of ours are options, all others stay in the URI."""
    url = f"mongodb://u:{SECRET}@h1:1,h2/app?replicaSet=rs0&pool_size=5&tls=true&durability=fast"
    options = options_from_url(url)
    assert options == {
        "connection": f"mongodb://u:{SECRET}@h1:1,h2/app?replicaSet=rs0&tls=true",
        "database": "app",
        "pool_size": "5",
        "durability": "fast",
    }


def test_a_url_without_a_database():
    """Then the default stands."""
    assert options_from_url("mongodb://h") == {"connection": "mongodb://h/"}
    assert options_from_url("mongodb+srv://h/?pool_size=2")["connection"] == "mongodb+srv://h/"


@pytest.mark.parametrize(
    "parameters",
    ["w=majority", "journal=true&retryWrites=true", "readPreference=primary", "appName=x&authSource=admin"],
)
def test_parameters_that_change_nothing(parameters):
    """What services put into the URIs they hand out is taken."""
    assert MongoDBConfig(connection=f"mongodb://h/?{parameters}").host == "h"


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("w=1", "durability"),
        ("maxPoolSize=5", "pool_size"),
        ("socketTimeoutMS=5", "operation_timeout"),
        ("readPreference=secondary", "always primary"),
        ("readConcernLevel=local", "always majority"),
        ("nonsense=1", "none that is known"),
    ],
)
def test_parameters_that_are_refused(parameters, told):
    """What would change answers or promises is refused, and the message says what to give instead."""
    with pytest.raises(ConfigurationError, match=told) as refusal:
        MongoDBConfig(connection=f"mongodb://u:{SECRET}@h/?{parameters}")
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "options",
    [
        {"connection": "postgresql://h"},
        {"connection": "h"},
        {"connection": 5},
        {"database": ""},
        {"database": "a.b"},
        {"database": "a" * 64},
        {"pool_size": 0},
        {"pool_size": True},
        {"operation_timeout": 0},
        {"operation_timeout": float("nan")},
        {"cursor_key": b"short"},
    ],
    ids=repr,
)
def test_options_that_are_refused(options):
    """Each is refused when the configuration is made."""
    with pytest.raises(ConfigurationError):
        MongoDBConfig(**options)


def test_nothing_shows_a_secret():
    """Neither form of a configuration repeats the URI."""
    config = MongoDBConfig(connection=f"mongodb://u:{SECRET}@h:1/?authSource=admin", database="app")
    assert SECRET not in repr(config)
    assert SECRET not in str(config)
    assert "app" in repr(config)


def test_a_plus_sign_is_a_plus_sign():
    """As in every storage URL; and what is MongoDB's own stays as it is written."""
    options = options_from_url("mongodb://h/app?cursor_key=a+b%2Bc&appName=x+y%20z")
    assert options["cursor_key"] == "a+b+c"
    assert options["connection"] == "mongodb://h/app?appName=x+y%20z"


def test_an_option_that_is_given_twice():
    """An option of ours stands once in a URL."""
    with pytest.raises(ConfigurationError, match="twice"):
        options_from_url("mongodb://h/app?pool_size=5&pool_size=6")
