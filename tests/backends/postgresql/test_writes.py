"""Writes in as few statements as they take, and still as the reference does them row by row."""

import contextlib
import itertools
import random
import string
import threading
from dataclasses import dataclass, field
from typing import Annotated, Any

import psycopg
import pytest

from torematrix.core.storage import F, Index, Revision, Storage, Unique
from torematrix.core.storage.errors import (
    ConflictError,
    DuplicateError,
    InvalidEntityError,
    NotFoundError,
    StorageError,
    TransactionError,
)


@dataclass
class Seat:
    row: Annotated[str | None, Unique()] = None
    left: str = ""
    right: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    version: Annotated[int, Revision()] = 1
    id: str | None = None


INDEXES = [Unique("left", "right"), Index("meta.note", str)]


@pytest.fixture(params=["{postgresql}", "{postgresql_icu}"], ids=["c", "icu"])
def storage(request, new_database):
    with Storage.open(new_database(request.param)) as opened:
        yield opened


def seats(storage):
    return storage.repository(Seat, "seats", indexes=INDEXES, searchable=[])


@pytest.fixture
def both(storage):
    """The same collection here and in memory."""
    with Storage.open("memory://") as reference:
        yield seats(storage), seats(reference)


def outcome(method, rows):
    try:
        return method(rows)
    except StorageError as error:
        return type(error), str(error)


# ------------------------------------------------------------------------------------------------------- unique values


def test_swaps_and_chains_go_row_by_row(both):
    """A bulk update is allowed or refused as if its rows were stored one by one in the order given."""
    here, reference = both
    names = ["a", "b", "c"]
    for repository in both:
        repository.bulk_create([Seat(name, name, name, id=name) for name in names])
    for order in itertools.permutations(names):
        for values in itertools.product([*names, "d"], repeat=3):
            given = dict(zip(order, values, strict=True))
            outcomes = []
            for repository in both:
                stored = {seat.id: seat for seat in repository.list()}
                changed = [
                    Seat(given[name], name, name, version=stored[name].version, id=name) for name in order
                ]
                outcomes.append(outcome(repository.bulk_update, changed))
            found, expected = outcomes
            assert isinstance(found, tuple) == isinstance(expected, tuple)
            assert not isinstance(expected, tuple) or found[0] is expected[0] is DuplicateError
            assert [seat.row for seat in here.list()] == [seat.row for seat in reference.list()]


def test_the_first_duplicate_is_named(both):
    """Of many new entities the error names the first that could not be stored after those before it."""
    seed = random.Random(5)
    for repository in both:
        repository.bulk_create([Seat(f"r{n}", f"l{n}", "x", id=f"i{n}") for n in range(5)])
    for _ in range(60):
        rows = [
            Seat(
                seed.choice([None, f"r{seed.randrange(12)}"]),
                f"l{seed.randrange(12)}",
                seed.choice(["x", "y"]),
                id=f"i{seed.randrange(30)}",
            )
            for _ in range(seed.randrange(2, 6))
        ]
        results = [outcome(repository.bulk_create, rows) for repository in both]
        if isinstance(results[1], tuple):
            assert results[0][0] is results[1][0] is DuplicateError
            place = results[1][1].partition(" (entity ")[2]
            assert results[0][1].partition(" (entity ")[2] == place
        else:
            assert [seat.id for seat in results[0]] == [seat.id for seat in results[1]]
            for repository in both:
                repository.bulk_delete([seat.id for seat in rows])


def test_within_a_transaction_too(storage):
    """What is refused in bulk inside a transaction has stored nothing, and what is merely not there dooms nothing."""
    notes = seats(storage)
    notes.bulk_create([Seat("a", "1", "1", id="a"), Seat("b", "2", "2", id="b")])
    with storage.transaction():
        changed = [Seat("z", "1", "1", id="a"), Seat("y", "3", "3", id="nobody")]
        with pytest.raises(NotFoundError):
            notes.bulk_update(changed)
        notes.create(Seat("c", "4", "4", id="c"))
    assert [(seat.id, seat.row) for seat in notes.list()] == [("a", "a"), ("b", "b"), ("c", "c")]

    def swallowing():
        with storage.transaction(), pytest.raises(DuplicateError, match="entity 2 of 2"):
            notes.bulk_create([Seat("e", "5", "5"), Seat("a", "6", "6")])

    with pytest.raises(TransactionError):
        swallowing()
    assert notes.count() == 3


def test_many_rows(storage):
    """Thousands of rows are created and updated with a number of statements that does not depend on theirs."""
    notes = seats(storage)
    created = notes.bulk_create(
        [Seat(f"r{n}", f"l{n}", "x", {"n": n, "text": "a\tb\\c\n"}) for n in range(5_000)]
    )
    assert notes.list() == sorted(created, key=lambda seat: seat.id)
    for seat in created:
        seat.meta = {"n": -seat.meta["n"]}
    updated = notes.bulk_update(created)
    assert notes.list() == sorted(updated, key=lambda seat: seat.id)
    assert {seat.version for seat in updated} == {2}


# ---------------------------------------------------------------------------------------------------- one by one


def test_upserts(both):
    """An upsert conflicts on the id alone; another unique value is refused, a stale revision too."""
    for repository in both:
        first = repository.upsert(Seat("a", "1", "1", id="a"))
        assert first.version == 1
        second = repository.upsert(Seat("b", "1", "1", {"k": 1}, version=1, id="a"))
        assert (second.version, repository.get("a")) == (2, second)
        with pytest.raises(ConflictError) as conflict:
            repository.upsert(Seat("c", "1", "1", version=1, id="a"))
        assert (conflict.value.expected, conflict.value.stored) == (1, 2)
        with pytest.raises(DuplicateError):
            repository.upsert(Seat("b", "2", "2", id="other"))
        assert repository.count() == 1


def test_upserts_by_many_threads(storage):
    """Of threads that store the same new id at once, each stores or updates, and none fails but for its revision."""

    @dataclass
    class Plain:
        n: int = 0
        id: str | None = None

    plain = storage.repository(Plain, "plain")
    plain.count()
    failures = []

    def work(n):
        try:
            for _ in range(20):
                plain.upsert(Plain(n, id="same"))
        except StorageError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert plain.count() == 1


def test_unknown_keys_are_kept(storage, new_database):
    """An update by a class that knows fewer fields leaves what the others have stored."""

    @dataclass
    class Wide:
        tags: list[str] = field(default_factory=list)
        notes: list[str] = field(default_factory=list)
        id: str | None = None

    @dataclass
    class Narrow:
        tags: list[str] = field(default_factory=list)
        id: str | None = None

    wide = storage.repository(Wide, "things")
    wide.create(Wide(["a"], ["kept"], id="a"))
    wide.create(Wide(["b"], ["kept"], id="b"))
    narrow = storage.repository(Narrow, "things")
    narrow.update(Narrow(["c"], id="a"))
    narrow.upsert(Narrow(["d"], id="b"))
    narrow.bulk_update([Narrow(["e"], id="a"), Narrow(["f"], id="b")])
    assert wide.list() == [Wide(["e"], ["kept"], id="a"), Wide(["f"], ["kept"], id="b")]


def test_a_patch_that_would_make_an_entry_too_large(storage):
    """The limit of an index entry holds for what a patch makes of a row; nothing is changed, and nothing fails late."""
    notes = seats(storage)
    rnd = random.Random(3)
    text = "".join(rnd.choice(string.ascii_letters + string.digits + "éß") for _ in range(1_500))
    notes.create(Seat("r", left="l", right=text[:1_300], id="a"))
    with pytest.raises(InvalidEntityError, match="2,600"):
        notes.patch("a", left=text[:1_400])
    long = text[:1_000]
    assert notes.patch("a", left=long).left == long
    with pytest.raises(InvalidEntityError):
        notes.patch("a", meta={"note": "x" * 2_001})
    assert notes.get("a").meta == {}


def test_the_largest_entry_fits(storage):
    """Text that does not compress, up to the limit of an entry, is stored and found."""
    notes = seats(storage)
    rnd = random.Random(4)
    letters = [chr(code) for code in (*range(0x4E00, 0x9F00), *range(0x1F300, 0x1F600))]
    first = "".join(rnd.choice(letters) for _ in range(430))
    second = "".join(rnd.choice(string.printable[:94]) for _ in range(2_600 - len(first.encode())))
    notes.create(Seat(left=first, right=second, id="x"))
    assert notes.count((F("left") == first) & (F("right") == second)) == 1


def test_a_row_that_is_there_already_and_not_seen(storage):
    """In a snapshot that does not see the other's row the error is the same."""
    notes = seats(storage)
    notes.count()
    with contextlib.suppress(StorageError), storage.transaction():
        notes.count()
        with psycopg.connect(dsn(storage), autocommit=True) as other:
            other.execute("INSERT INTO seats (id, row, version, data) VALUES ('a', 'r', 1, '{\"meta\": {}}')")
        with pytest.raises(DuplicateError):
            notes.bulk_create([Seat("q", "9", "9", id="b"), Seat("r", "8", "8", id="c")])
    assert notes.count() == 1


def dsn(storage):
    config = storage._config
    options = config.connection_options()
    options["options"] = f"-csearch_path={config.schema}"
    return psycopg.conninfo.make_conninfo(**options)
