"""Nothing that is shown of a configuration, and no error about one, holds a secret."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from torematrix.core.storage import (
    AsyncStorage,
    ConfigurationError,
    MongoDBConfig,
    PostgreSQLConfig,
    SQLiteConfig,
    Storage,
    StorageError,
)
from torematrix.core.storage.face.sources import (
    config_from_dict,
    config_from_env,
    config_from_url,
)

CANARY = "s3cr3t-c4n4ry"


HOSTILE_URLS = [
    f"postgresql://app:{CANARY}",
    f"postgresql://app:{CANARY}/x@127.0.0.1:1/db",
    f"postgresql://app:a/{CANARY}@127.0.0.1:1/db",
    f"postgresql://app:a?{CANARY}@127.0.0.1:1/db",
    f"postgresql://app:a#{CANARY}@127.0.0.1:1/db",
    f"postgresql://app:a@{CANARY}@host:x/db",
    f"postgresql://app:{CANARY}@host:port/db",
    f"postgresql://app:{CANARY}@host:99999/db",
    f"postgresql://app:{CANARY}@host:-1/db",
    f"postgresql://app:{CANARY}@[::1/db",
    f"postgresql://app:{CANARY}@[x]/db",
    f"postgresql://app:{CANARY}@ho\u2100st/db",
    f"postgresql://app:{CANARY}@127.0.0.1:1/db?pool_size={CANARY}",
    f"postgresql://app:{CANARY}@127.0.0.1:1/db?pool_size",
    f"postgresql://app:{CANARY}@127.0.0.1:1/db?nonsense=1",
    f"postgresql://app:{CANARY}@127.0.0.1:1/db?port=1&port=2",
    f"postgresql://app:{CANARY}@127.0.0.1:1/db?sslmode={CANARY}",
    f"postgresql://app:{CANARY}%00@127.0.0.1:1/db",
    f"postgresql://app:{CANARY}%ff@127.0.0.1:1/db",
    f"postgresql://app:{CANARY}%zz@127.0.0.1:1/db?nonsense=1",
    f"postgresql://app:{CANARY}\n@127.0.0.1:1/db",
    f" postgresql://app:{CANARY}@127.0.0.1:1/db",
    f"postgresql://app:{CANARY}@127.0.0.1:1/db\u2028",
    f"postgresq1://app:{CANARY}@127.0.0.1:1/db",
    f"postgresql:app:{CANARY}@127.0.0.1:1/db",
    f"//app:{CANARY}@127.0.0.1:1/db",
    f"app:{CANARY}@127.0.0.1:1/db",
    f"{CANARY}://host/db",
    f"mongodb://app:{CANARY}@127.0.0.1:1/db?nonsense=1&x={CANARY}",
    f"mongodb://app:{CANARY}@/db",
    f"mongodb://app:{CANARY}@host:port/db",
    f"mongodb://app:{CANARY}@host:99999/db",
    f"mongodb://app:{CANARY}@127.0.0.1:1",
    f"mongodb://app:{CANARY}@127.0.0.1:1/",
    f"mongodb://app:{CANARY}@127.0.0.1:1/db?w={CANARY}",
    f"postgresql://app:{CANARY}@127.0.0.1:1/db",
    f"mongodb://app:a:{CANARY}@127.0.0.1:1/db",
    f"mongodb://app:a/{CANARY}@127.0.0.1:1/db",
    f"mongodb://app:a@{CANARY}@127.0.0.1:1/db",
    f"mongodb://app:a%{CANARY}@127.0.0.1:1/db",
    f"mongodb://app:{CANARY}@127.0.0.1:1/a.b$c",
    f"mongodb://app:{CANARY}@127.0.0.1:1/db?authSource",
    f"mongodb://app:{CANARY}@127.0.0.1:1/db?tls=perhaps",
    f"mongodb://app:{CANARY}@[::1/db",
    f"sqlite://app:{CANARY}@127.0.0.1:1/x.db",
    f"sqlite:///x.db?{CANARY}",
    f"sqlite:///x.db?{CANARY}=1",
    f"sqlite:///x.db?durability={CANARY}",
    f"sqlite:///x.db?cursor_key={CANARY}",
    f"sqlite:///x.db?busy_timeout={CANARY}",
    f"sqlite:///x.db#{CANARY}",
    f"sqlite:///x.db?database_path={CANARY}",
    f"sqlite:///{CANARY}%00.db",
    f"memory://{CANARY}",
    f"memory://{CANARY}@",
    f"memory:///{CANARY}",
]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_no_url_is_repeated(url: str, told: Callable[[BaseException], str]) -> None:
    """Its password may be anywhere in it: whatever is wrong is told in the library's words, by whoever finds out."""
    sources: list[Callable[[], Any]] = [
        lambda: config_from_url(url, {}),
        lambda: config_from_dict({"url": url}),
        lambda: config_from_env({"TOREMATRIX_STORAGE_URL": url}),
    ]
    for source in sources:
        with pytest.raises(StorageError) as caught:
            opened(source())
        assert CANARY not in told(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        config_from_dict({"backend": url})
    assert CANARY not in told(caught.value)


def opened(config: Any) -> None:
    """Some mistakes are found by the client library alone, or by the server that is not there."""
    assert CANARY not in repr(config)
    assert isinstance(config, PostgreSQLConfig | MongoDBConfig)
    soon = {
        name: 1.0
        for name in config.__struct_fields__
        if name in ("connect_timeout", "pool_timeout", "operation_timeout")
    }
    with Storage(msgspec.structs.replace(config, **soon)) as storage:
        storage.health()


SECRET_CONFIGS: dict[str, Callable[[], Any]] = {
    "sqlite": lambda: SQLiteConfig(database_path="x.db", cursor_key=(CANARY * 3).encode()),
    "postgresql": lambda: PostgreSQLConfig(host="db", database="x", user="app", password=CANARY),
    "mongodb": lambda: MongoDBConfig(connection=f"mongodb://app:{CANARY}@db/?appName=x", database="x"),
    "mongodb-user": lambda: MongoDBConfig(
        connection=f"mongodb+srv://app%40x:{CANARY}%2F@db.example.com/", database="x"
    ),
    "mongodb-token": lambda: MongoDBConfig(
        connection=f"mongodb://app:x@db/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:{CANARY}",
        database="x",
    ),
    "postgresql-key": lambda: PostgreSQLConfig(database="x", cursor_key=(CANARY * 3).encode()),
}


@pytest.mark.parametrize("make", SECRET_CONFIGS.values(), ids=SECRET_CONFIGS)
def test_a_configuration_shows_no_secret(make: Callable[[], Any]) -> None:
    """Not its repr, not that of its storage and repository, not in a debugger's or a terminal's pretty form."""
    import pprint

    from rich.console import Console
    from rich.pretty import pretty_repr

    config = make()
    shown = [
        repr(config),
        str(config),
        f"{config}",
        f"{[config]!r}",
        pprint.pformat(config),
        pretty_repr(config),
    ]
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(config)
    shown.append(console.export_text())
    storage, waiting = Storage(config), AsyncStorage(config)
    shown += [repr(storage), repr(waiting), repr(vars(storage)), repr(storage.repository(dict, "things"))]
    for text in shown:
        assert CANARY not in text
