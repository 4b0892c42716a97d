# generated from _async/test_streams.py by tools/generate_twins.py: do not edit
"""Streams: everything that matches, one by one, from one snapshot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage import DuplicateError, F, Feature, InvalidQueryError, SortOrder, TransactionError

from ..._sync.harness import Kit
from ...entities import SUBJECTS
from ...needs import needs
from ...questions import filters, sorts
from ...strategies import effort, entities
from ..entities import Note, Plain

pytestmark = needs(Feature.STREAM)

IN_SCOPE: Final = needs(Feature.STREAM, Feature.TRANSACTIONS)
ASKED: Final[list[dict[str, Any]]] = [
    {},
    {"filters": F("rank") == 1},
    {"filters": [F("rank") > 0, F("tags").contains("a")], "sort_by": "score"},
    {"sort_by": "price", "sort_order": SortOrder.DESC},
    {"sort_by": ["done", ("rank", SortOrder.DESC), "id"]},
    {"filters": F("rank") == 99},
]


def _filled(kit: Kit, count: int) -> Any:
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(number, f"{number:05}") for number in range(count)])
    return repository


def _values(stream: Any) -> list[int]:
    return [entity.value for entity in stream]


# --------------------------------------------------------------------------------------------------------- what comes


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: "-".join(asked) or "everything")
def test_a_stream_is_the_list(kit: Kit, asked: dict[str, Any]) -> None:
    """At every batch size a stream gives what ``list`` gives, in its order."""
    repository: Any = kit.repository(Note)
    kit.store(repository, [
        Note(
            f"t{number}",
            rank=[None, 1, 2][number % 3],
            score=number / 7 if number % 4 else None,
            done=[None, True, False][number % 3],
            tags=["a"] if number % 2 else [],
        )
        for number in range(29)
    ])  # fmt: skip
    whole = repository.list(**asked)
    for batch_size in (1, 2, 3, 7, 28, 29, 30, 1_000_000):
        assert [entity for entity in repository.stream(**asked, batch_size=batch_size)] == whole
    assert [entity for entity in repository.stream(**asked)] == whole


def test_a_repository_is_what_it_holds(kit: Kit) -> None:
    """Iterating over a repository gives every entity by id, also of an empty one."""
    repository = _filled(kit, 5)
    assert [entity for entity in repository] == repository.list()
    empty = kit.repository(Plain)
    assert _values(empty) == []
    assert _values(empty.stream(batch_size=1)) == []


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_a_stream_is_the_list_whatever_is_asked(kit: Kit, name: str) -> None:
    """Over random entities, filters and sorts, a stream of a random batch size gives the list."""
    subject = SUBJECTS[name]
    repository: Any = kit.run(kit.repository(subject.entity_class, **subject.declarations))

    @effort(0.1)
    @given(
        st.lists(entities(subject.schema), max_size=6),
        st.one_of(st.none(), filters(subject.schema)),
        sorts(subject.schema),
        st.sampled_from([1, 2, 3, 100]),
    )
    def check(stored: list[Any], condition: Any, sort_by: Any, batch_size: int) -> None:
        assert kit.run(_stream_is_list(kit, repository, stored, condition, sort_by, batch_size))

    check()


def _stream_is_list(
    kit: Kit, repository: Any, stored: list[Any], condition: Any, sort_by: Any, batch_size: int
) -> bool:
    """Whether the stream gives the list, of these entities but those whose unique values are taken."""
    kit.clear(repository)
    for entity in stored:
        with suppress(DuplicateError):
            repository.create(entity)
    streamed = [entity for entity in repository.stream(condition, sort_by, batch_size=batch_size)]
    return bool(streamed == repository.list(condition, sort_by))


def test_thousands_come(kit: Kit) -> None:
    """A stream has no last page: all of thousands come, once each."""
    repository = _filled(kit, 5_000)
    assert _values(repository.stream(batch_size=499)) == list(range(5_000))
    assert _values(repository.stream(F("value") >= 10, "value", SortOrder.DESC)) == [*range(4_999, 9, -1)]


def test_a_stream_is_checked(kit: Kit) -> None:
    """Batch sizes, filters and sorts that make no sense raise InvalidQueryError at the first step."""
    repository = _filled(kit, 2)
    wrong: list[dict[str, Any]] = [
        *({"batch_size": size} for size in (0, -1, 1.0, "1", None, True, 2**64)),
        {"filters": F("nothing") == 1},
        {"filters": 5},
        {"sort_by": "nothing"},
    ]
    for asked in wrong:
        with pytest.raises(InvalidQueryError):
            _values(repository.stream(**asked))


# ------------------------------------------------------------------------------------------------------- one snapshot


@IN_SCOPE
def test_a_stream_is_of_one_snapshot(kit: Kit) -> None:
    """What is written while a stream is read, by its reader or by others, is not in it."""
    kit.needs_snapshots()
    repository = _filled(kit, 20)

    def write() -> None:
        repository.patch("00015", value=-15)
        repository.delete("00016")

    seen: list[int] = []
    with closing(repository.stream(batch_size=3)) as stream:
        for entity in stream:
            seen.append(entity.value)
            if len(seen) == 5:
                repository.create(Plain(99, "00009a"))
                repository.bulk_delete(["00018", "00000"])
                repository.update(Plain(-17, "00017"))
                kit.company.start(write).result()
                assert repository.count() == 18
    assert seen == list(range(20))
    assert _values(repository.stream(F("value") < 0)) == [-15, -17]


def test_streams_do_not_mind_each_other(kit: Kit) -> None:
    """Several streams, on one collection and on others, may be read by turns, each of the state it began with."""
    first, second = _filled(kit, 9), _filled(kit, 9)
    streams = [
        first.stream(batch_size=2),
        first.stream(batch_size=3),
        second.stream(batch_size=1),
        second.stream(batch_size=4),
    ]
    seen: list[list[int]] = [[] for _ in streams]
    for _ in range(9):
        for at, stream in enumerate(streams):
            seen[at].append(next(stream).value)
        second.create(Plain(77))
    for stream in streams:
        stream.close()
    assert seen == [list(range(9))] * 4


@IN_SCOPE
def test_several_stream_at_once(kit: Kit) -> None:
    """Tasks or threads that stream at the same time, while others write, each get one state whole."""
    kit.needs_snapshots()
    repository = _filled(kit, 60)

    def read() -> None:
        for _ in range(3):
            values = _values(repository.stream(batch_size=7))
            assert values[:60] == list(range(60))
            assert len(values) % 2 == 0

    def write() -> None:
        for _ in range(10):
            repository.bulk_create([Plain(-1), Plain(-2)])

    kit.company.together(read, read, write)
    assert repository.count() == 80


# ------------------------------------------------------------------------------------------------------------- closed


def test_a_stream_may_be_left_early(kit: Kit) -> None:
    """Closing a stream frees what it held, as often as it happens; a closed one gives nothing more."""
    repository = _filled(kit, 30)
    for number in range(60):
        with closing(repository.stream(batch_size=4)) as stream:
            for entity in stream:
                if entity.value >= number % 10:
                    break
        assert _values(stream) == []
    repository.create(Plain(99, "z"))
    assert repository.count() == 31
    unread = repository.stream()
    unread.close()
    assert _values(unread) == []


def test_an_exception_of_the_reader_closes_it(kit: Kit) -> None:
    """An exception that leaves the loop comes through as it is, and the storage works on."""
    repository = _filled(kit, 10)

    def read() -> None:
        with closing(repository.stream(batch_size=2)) as stream:
            for entity in stream:
                if entity.value == 3:
                    raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        read()
    assert repository.delete("00000")


# ----------------------------------------------------------------------------------------------- inside a transaction


@IN_SCOPE
def test_no_writes_where_a_stream_is_open(kit: Kit) -> None:
    """In a scope the collection of an open stream takes no writes, and others do; once it is closed all do."""
    repository, other = _filled(kit, 6), _filled(kit, 0)
    same = kit.storage.repository(Plain, repository.collection_name)
    with kit.storage.transaction():
        repository.create(Plain(6, "00006"))
        with closing(repository.stream(batch_size=2)) as stream:
            assert next(stream).value == 0
            refused: list[Callable[[], object]] = [
                lambda: repository.create(Plain(7)),
                lambda: same.create(Plain(7)),
                lambda: repository.patch("00000", value=5),
                lambda: repository.update(Plain(5, "00000")),
                lambda: repository.upsert(Plain(5, "00000")),
                lambda: repository.delete("00000"),
                lambda: repository.bulk_create([Plain(7)]),
                lambda: repository.bulk_delete(["00000"]),
            ]
            for write in refused:
                with pytest.raises(TransactionError):
                    write()
            other.create(Plain(1, "a"))
            assert repository.count() == 7
            assert _values(stream) == [1, 2, 3, 4, 5, 6]
        repository.delete("00000")
        for entity in repository.stream():
            assert entity.value == 1
            break
        with closing(repository.stream()) as stream:
            next(stream)
        other.create(Plain(2, "b"))
    assert _values(repository.stream()) == [1, 2, 3, 4, 5, 6]
    assert other.count() == 2


@IN_SCOPE
def test_another_class_of_the_collection_is_refused_too(kit: Kit) -> None:
    """It is the collection that takes no writes, whatever class its repository is of."""
    repository = _filled(kit, 3)

    class Wider(Plain):
        pass

    wider = kit.repository(Wider, repository.collection_name)
    with kit.storage.transaction(), closing(repository.stream(batch_size=1)) as stream:
        next(stream)
        with pytest.raises(TransactionError):
            wider.create(Wider(7))
        assert _values(stream) == [1, 2]
    assert repository.count() == 3


@IN_SCOPE
def test_a_stream_ends_with_its_scope(kit: Kit) -> None:
    """A stream that outlives the scope it was opened in raises TransactionError, whether that was kept or not."""
    repository = _filled(kit, 6)
    for fails in (False, True):
        stream = repository.stream(batch_size=1)
        try:
            with kit.storage.transaction():
                assert next(stream).value == 0
                repository.count()
                if fails:
                    raise LookupError
        except LookupError:
            pass
        with pytest.raises(TransactionError):
            _values(stream)
        assert _values(stream) == []
        repository.patch("00003", value=3)


@IN_SCOPE
def test_a_stream_that_inherited_a_scope_is_refused(kit: Kit) -> None:
    """A child that inherited the scope can neither open a stream in it nor read on in one."""
    repository = _filled(kit, 4)

    def read() -> list[int]:
        return _values(repository.stream())

    with kit.storage.transaction():
        with pytest.raises(TransactionError):
            kit.company.start(read, inherit=True).result()
        assert _values(repository.stream(batch_size=3)) == [0, 1, 2, 3]


@needs(Feature.STREAM, Feature.TRANSACTIONS, Feature.NESTED_TRANSACTIONS)
def test_a_stream_goes_on_around_an_inner_scope(kit: Kit) -> None:
    """An inner scope on another collection, kept or undone, does not disturb an open stream."""
    repository, other = _filled(kit, 8), _filled(kit, 0)
    seen: list[int] = []
    with kit.storage.transaction():
        repository.create(Plain(8, "00008"))
        for entity in repository.stream(batch_size=1):
            seen.append(entity.value)
            try:
                with kit.storage.transaction():
                    other.create(Plain(entity.value, str(entity.id)))
                    if entity.value % 2:
                        raise LookupError
            except LookupError:
                pass
    assert seen == list(range(9))
    assert _values(other) == [0, 2, 4, 6, 8]
