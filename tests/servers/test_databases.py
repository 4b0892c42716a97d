"""The kit's URLs: what is new each time, what is named in tests, and that nothing is left on the servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pymongo
import pytest

from torematrix.core.storage.testing.databases import Databases, expanded, labels, server_of
from torematrix.core.storage.testing.server_fixtures import servers_of
from torematrix.core.storage.testing.servers.urls import with_database, with_options, without_password

URLS = [
    "memory://",
    "sqlite:///{tmp}/kit.db",
    "sqlite:///:memory:",
    "{postgresql}",
    "{postgresql_icu}",
    "{mongodb}",
    "{mongodb_standalone}",
]


def test_names_are_readable() -> None:
    assert labels(URLS) == [
        "memory",
        "sqlite",
        "sqlite-memory",
        "postgresql",
        "postgresql-icu",
        "mongodb",
        "mongodb-standalone",
    ]
    assert labels(["mydb://u:secret@h/a", "mydb://h/b", "{mongodb}", "{mongodb}?a=1"]) == [
        "mydb",
        "mydb-2",
        "mongodb",
        "mongodb-2",
    ]


def test_a_url_asks_for_a_server_or_does_not() -> None:
    assert [server_of(url) for url in URLS[3:]] == [
        "postgresql",
        "postgresql",
        "mongodb",
        "mongodb-standalone",
    ]
    others = [*URLS[:3], "postgresql://h/{unique}", "{postgresql}/x", "{redis}", "x{mongodb}"]
    assert [server_of(url) for url in others] == [None] * len(others)


def test_other_urls_need_no_server(tmp_path: Path) -> None:
    """The kit of a third party runs without this harness."""

    def never() -> Any:
        raise AssertionError

    with Databases("mydb://h/kit_{unique}?folder={tmp}", lambda: tmp_path / "a b", never) as databases:
        first, second = databases.new_url(), databases.new_url()
    assert first != second
    assert first.endswith("/a%20b")
    assert "{" not in first
    assert expanded("mydb://h/fixed", lambda: tmp_path) == "mydb://h/fixed"


@pytest.mark.parametrize("place", ["{postgresql}", "{postgresql_icu}"])
def test_schemas_are_new_and_dropped(place: str, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """With everything in them, also when there is very much."""
    with Databases(f"{place}?pool_size=3", lambda: tmp_path, lambda: servers_of(pytestconfig)) as databases:
        urls = [databases.new_url(), databases.new_url()]
        schemas = [parse_qs(urlsplit(url).query)["schema"][0] for url in urls]
        assert len(set(schemas)) == 2
        assert all(url.endswith("&pool_size=3") for url in urls)
        server = urlsplit(urls[0])._replace(query="").geturl()
        with psycopg.connect(server, autocommit=True) as connection:
            for number in range(200):
                connection.execute(
                    f'CREATE TABLE "{schemas[0]}".t{number} (id text PRIMARY KEY, a text UNIQUE, b text UNIQUE)'
                )
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
            order = connection.execute(
                "SELECT array_agg(s ORDER BY s) FROM unnest('{Z,a,ä}'::text[]) s"
            ).fetchone()
            assert order == ((["a", "ä", "Z"] if "icu" in place else ["Z", "a", "ä"]),)
            assert connection.execute("SELECT similarity('abc', 'abd') > 0").fetchone() == (True,)
    with psycopg.connect(server) as connection:
        left = connection.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname = ANY(%s)", [schemas]
        ).fetchone()
    assert left == (0,)


@pytest.mark.parametrize("place", ["{mongodb}", "{mongodb_standalone}"])
def test_mongodb_databases_are_new_and_dropped(
    place: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    with Databases(place, lambda: tmp_path, lambda: servers_of(pytestconfig)) as databases:
        urls = [databases.new_url(), databases.new_url()]
        names = [urlsplit(url).path[1:] for url in urls]
        with pymongo.MongoClient(urls[0]) as client:
            client[names[0]]["things"].insert_one({"a": 1})
            assert names[0] in client.list_database_names()
            assert ("setName" in client.admin.command("hello")) == (place == "{mongodb}")
    with pymongo.MongoClient(urls[0]) as client:
        assert not set(names) & set(client.list_database_names())


def test_urls_keep_what_they_have() -> None:
    """Accounts, several hosts and options stay, whatever is changed."""
    url = "mongodb://u:p%40@a:1,b:2/old?replicaSet=rs0"
    assert with_database(url, "new") == "mongodb://u:p%40@a:1,b:2/new?replicaSet=rs0"
    assert with_options(url, "x=1") == f"{url}&x=1"
    assert with_options("postgresql://h/d", "x=1") == "postgresql://h/d?x=1"
    assert with_options(url, "") == url
    assert without_password(url + "&password=p") == "mongodb://a:1,b:2/old"
