"""What a reading sees: every write that was acknowledged before it, and one moment where it takes several commands."""

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass
from typing import Annotated

import pytest
from pymongo import MongoClient

from torematrix.core.storage import (
    AsyncStorage,
    Count,
    CursorPagination,
    F,
    Index,
    Pagination,
    Searchable,
    Storage,
    Sum,
)
from torematrix.core.storage.errors import ConfigurationError, UnavailableError
from torematrix.core.storage.testing.servers.mongodb import MongoDBServer


@dataclass
class Text:
    text: Annotated[str, Searchable()] = ""
    number: Annotated[int, Index()] = 0
    id: str | None = None


@dataclass
class Item:
    kind: Annotated[str, Index()] = ""
    number: int = 0
    id: str | None = None


@pytest.fixture(scope="module")
def own_server():
    """A server whose majority has a write only once the journal has it, which is some time after one server has."""
    with MongoDBServer(parameters={"enableTestCommands": "1"}) as server, MongoClient(server.url) as client:
        configuration = client.admin.command("replSetGetConfig")["config"]
        configuration["writeConcernMajorityJournalDefault"] = True
        configuration["version"] += 1
        client.admin.command("replSetReconfig", configuration)
        yield server


@contextlib.contextmanager
def failing(server, commands, mode, code):
    """Have the server fail these commands of the library."""
    data = {"failCommands": commands, "appName": "torematrix-storage", "errorCode": code}
    with MongoClient(server.url) as client:
        client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
        try:
            yield
        finally:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@contextlib.contextmanager
def meanwhile(work):
    """Work that is done again and again in a thread; what it raises is raised at the end."""
    over, raised = threading.Event(), []

    def run():
        try:
            while not over.is_set():
                work()
        except Exception as error:  # noqa: BLE001 - raised below
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not raised


# ---------------------------------------------------------------------------------------------------- acknowledged


def ask_everything(texts, number):
    """Every kind of reading, of which each has to show exactly the texts from 0 up to this number."""
    count, word, last = number + 1, f"word{number}", f"{number:03}"
    assert texts.get(last).number == number
    assert texts.exists(last)
    assert texts.count() == count
    assert texts.count(F("number") == number) == 1
    assert len(texts.list()) == count
    page = texts.list(sort_by="number", pagination=Pagination(1, 2))
    assert (page.total, len(page.items)) == (count, min(count, 2))
    assert len(texts.list(pagination=CursorPagination(limit=1000)).items) == count
    assert [each.id for each in texts.search(word)] == [last]
    found = texts.search("shared", pagination=Pagination(1, 2))
    assert found.total == count
    assert texts.aggregate(n=Count(), sum=Sum("number"))[0]["n"] == count
    assert sum(1 for _ in texts.stream()) == count


@pytest.mark.parametrize("durability", ["fast", "durable"])
def test_a_write_is_seen_at_once(own_server, durability):
    """By the same storage and by another one, though no majority may have it yet, and while others write."""
    url = own_server.url_of(f"seen_{durability}")
    with (
        Storage.open(url, durability=durability) as storage,
        Storage.open(url, durability=durability) as another,
    ):
        texts, theirs = (each.repository(Text, "texts") for each in (storage, another))
        others = storage.repository(Text, "others")
        storage.ready()
        another.ready()
        with meanwhile(lambda: others.bulk_create([Text("shared"), Text("shared")])):
            for number in range(12):
                texts.create(Text(f"shared word{number}", number, f"{number:03}"))
                ask_everything(theirs if number % 2 else texts, number)
                with storage.transaction():
                    assert texts.count() == number + 1
        texts.bulk_update([Text("others", each.number, each.id) for each in texts.list()])
        assert not theirs.search("shared")
        assert theirs.bulk_delete([each.id for each in theirs.list()]) == 12
        assert texts.count() == 0
        assert not texts.search("others")


def test_a_write_is_seen_at_once_by_tasks(own_server):
    """The same in the other colour."""

    async def run():
        async with await AsyncStorage.open(own_server.url_of("seen_async"), durability="fast") as storage:
            texts = storage.repository(Text, "texts")
            for number in range(8):
                await texts.create(Text(f"shared word{number}", number))
                assert len(await texts.search("shared")) == number + 1
                page = await texts.list(pagination=Pagination(1, 1))
                assert page.total == number + 1
                assert len([each async for each in texts.stream()]) == number + 1

    asyncio.run(run())


# ------------------------------------------------------------------------------------------------------- one moment


@pytest.mark.parametrize("durability", ["fast", "durable"])
def test_a_page_and_its_total_are_of_one_moment(own_server, durability):
    """Others replace 20 entities by 30 of another kind, and those by 20: a page is of one kind, with its number."""
    with Storage.open(own_server.url_of(f"pages_{durability}"), durability=durability) as storage:
        items = storage.repository(Item, "items", searchable=[])
        sizes = {"a": 20, "b": 30}
        items.bulk_create([Item("a", number) for number in range(20)])

        def exchange():
            for old, new in (("a", "b"), ("b", "a")):
                with storage.transaction():
                    items.bulk_delete([each.id for each in items.list(F("kind") == old)])
                    items.bulk_create([Item(new, number) for number in range(sizes[new])])

        seen = set()
        with meanwhile(exchange):
            until = time.monotonic() + 3
            while time.monotonic() < until or len(seen) < 2:
                page = items.list(F("number") >= 0, sort_by="number", pagination=Pagination(2, 7))
                kinds = {each.kind for each in page.items}
                assert len(kinds) == 1
                assert page.total == sizes[page.items[0].kind]
                seen |= kinds


def test_no_page_is_lost_or_miscounted(new_database):
    """Pages without items, behind the last one and of no length have the total that all the others have."""
    for name in ("{mongodb}", "{mongodb_standalone}"):
        with Storage.open(new_database(name)) as storage:
            items = storage.repository(Item, "items", searchable=[])
            empty = items.list(pagination=Pagination(1, 5))
            assert (empty.items, empty.total) == ([], 0)
            for number in range(7):
                items.create(Item("a", number))
            for number, count in ((1, 3), (3, 1), (4, 0)):
                page = items.list(F("kind") == "a", sort_by="number", pagination=Pagination(number, 3))
                assert (len(page.items), page.total) == (count, 7)
            assert items.list(F("kind") == "b", pagination=Pagination(1, 3)).total == 0


# --------------------------------------------------------------------------------------------------------- snapshots


@pytest.mark.parametrize("code", [134, 239, 246])
def test_a_snapshot_that_is_not_to_be_had(own_server, code):
    """What has given nothing out yet begins again; what has, or never succeeds, is UnavailableError."""
    with Storage.open(own_server.url_of("snapshots")) as storage:
        texts = storage.repository(Text, f"texts{code}")
        texts.bulk_create([Text("shared", number) for number in range(250)])
        readings = {
            "find": lambda: len(list(texts.stream(batch_size=100))),
            "aggregate": lambda: texts.list(pagination=Pagination(1, 5)).total,
        }
        for command, read in readings.items():
            with failing(own_server, [command], {"times": 2}, code):
                assert read() == 250
            with failing(own_server, [command], "alwaysOn", code), pytest.raises(UnavailableError) as failure:
                read()
            assert failure.value.retryable
        with failing(own_server, ["aggregate"], {"times": 2}, code):
            assert texts.search("shared", pagination=Pagination(1, 5)).total == 250
        with failing(own_server, ["getMore"], {"times": 1}, code), pytest.raises(UnavailableError):
            readings["find"]()
        assert readings["find"]() == 250


def test_a_collection_with_a_collation(new_database):
    """Refused, with what to do, where another program has put one in the place of ours."""
    url = new_database("{mongodb}")
    with Storage.open(url) as storage:
        storage.repository(Item, "items").count()
    with MongoClient(url) as client:
        database = client.get_default_database()
        database.drop_collection("items")
        database.create_collection("items", collation={"locale": "en", "strength": 2})
        with Storage.open(url) as storage, pytest.raises(ConfigurationError, match="collation") as failure:
            storage.repository(Item, "items").count()
        assert failure.value.collection == "items"
        database.drop_collection("items")
        database.create_collection("items", collation={"locale": "simple"})
    with Storage.open(url) as storage:
        assert storage.repository(Item, "items").count() == 0
