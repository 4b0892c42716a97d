"""Streams: everything that matches, one by one, from one snapshot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage import DuplicateError, F, Feature, InvalidQueryError, SortOrder, TransactionError

from ..._async.harness import AsyncKit
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


async def _filled(kit: AsyncKit, count: int) -> Any:
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(number, f"{number:05}") for number in range(count)])
    return repository


async def _values(stream: Any) -> list[int]:
    return [entity.value async for entity in stream]


# --------------------------------------------------------------------------------------------------------- what comes


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: "-".join(asked) or "everything")
async def test_a_stream_is_the_list(kit: AsyncKit, asked: dict[str, Any]) -> None:
    """At every batch size a stream gives what ``list`` gives, in its order."""
    repository: Any = await kit.repository(Note)
    await kit.store(repository, [
        Note(
            f"t{number}",
            rank=[None, 1, 2][number % 3],
            score=number / 7 if number % 4 else None,
            done=[None, True, False][number % 3],
            tags=["a"] if number % 2 else [],
        )
        for number in range(29)
    ])  # fmt: skip
    whole = await repository.list(**asked)
    for batch_size in (1, 2, 3, 7, 28, 29, 30, 1_000_000):
        assert [entity async for entity in repository.stream(**asked, batch_size=batch_size)] == whole
    assert [entity async for entity in repository.stream(**asked)] == whole


async def test_a_repository_is_what_it_holds(kit: AsyncKit) -> None:
    """Iterating over a repository gives every entity by id, also of an empty one."""
    repository = await _filled(kit, 5)
    assert [entity async for entity in repository] == await repository.list()
    empty = await kit.repository(Plain)
    assert await _values(empty) == []
    assert await _values(empty.stream(batch_size=1)) == []


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_a_stream_is_the_list_whatever_is_asked(kit: AsyncKit, name: str) -> None:
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


async def _stream_is_list(
    kit: AsyncKit, repository: Any, stored: list[Any], condition: Any, sort_by: Any, batch_size: int
) -> bool:
    """Whether the stream gives the list, of these entities but those whose unique values are taken."""
    await kit.clear(repository)
    for entity in stored:
        with suppress(DuplicateError):
            await repository.create(entity)
    streamed = [entity async for entity in repository.stream(condition, sort_by, batch_size=batch_size)]
    return bool(streamed == await repository.list(condition, sort_by))


async def test_thousands_come(kit: AsyncKit) -> None:
    """A stream has no last page: all of thousands come, once each."""
    repository = await _filled(kit, 5_000)
    assert await _values(repository.stream(batch_size=499)) == list(range(5_000))
    assert await _values(repository.stream(F("value") >= 10, "value", SortOrder.DESC)) == [
        *range(4_999, 9, -1)
    ]


async def test_a_stream_is_checked(kit: AsyncKit) -> None:
    """Batch sizes, filters and sorts that make no sense raise InvalidQueryError at the first step."""
    repository = await _filled(kit, 2)
    wrong: list[dict[str, Any]] = [
        *({"batch_size": size} for size in (0, -1, 1.0, "1", None, True, 2**64)),
        {"filters": F("nothing") == 1},
        {"filters": 5},
        {"sort_by": "nothing"},
    ]
    for asked in wrong:
        with pytest.raises(InvalidQueryError):
            await _values(repository.stream(**asked))


# ------------------------------------------------------------------------------------------------------- one snapshot


@IN_SCOPE
async def test_a_stream_is_of_one_snapshot(kit: AsyncKit) -> None:
    """What is written while a stream is read, by its reader or by others, is not in it."""
    kit.needs_snapshots()
    repository = await _filled(kit, 20)

    async def write() -> None:
        await repository.patch("00015", value=-15)
        await repository.delete("00016")

    seen: list[int] = []
    async with aclosing(repository.stream(batch_size=3)) as stream:
        async for entity in stream:
            seen.append(entity.value)
            if len(seen) == 5:
                await repository.create(Plain(99, "00009a"))
                await repository.bulk_delete(["00018", "00000"])
                await repository.update(Plain(-17, "00017"))
                await kit.company.start(write).result()
                assert await repository.count() == 18
    assert seen == list(range(20))
    assert await _values(repository.stream(F("value") < 0)) == [-15, -17]


async def test_streams_do_not_mind_each_other(kit: AsyncKit) -> None:
    """Several streams, on one collection and on others, may be read by turns, each of the state it began with."""
    first, second = await _filled(kit, 9), await _filled(kit, 9)
    streams = [
        first.stream(batch_size=2),
        first.stream(batch_size=3),
        second.stream(batch_size=1),
        second.stream(batch_size=4),
    ]
    seen: list[list[int]] = [[] for _ in streams]
    for _ in range(9):
        for at, stream in enumerate(streams):
            seen[at].append((await anext(stream)).value)
        await second.create(Plain(77))
    for stream in streams:
        await stream.aclose()
    assert seen == [list(range(9))] * 4


@IN_SCOPE
async def test_several_stream_at_once(kit: AsyncKit) -> None:
    """Tasks or threads that stream at the same time, while others write, each get one state whole."""
    kit.needs_snapshots()
    repository = await _filled(kit, 60)

    async def read() -> None:
        for _ in range(3):
            values = await _values(repository.stream(batch_size=7))
            assert values[:60] == list(range(60))
            assert len(values) % 2 == 0

    async def write() -> None:
        for _ in range(10):
            await repository.bulk_create([Plain(-1), Plain(-2)])

    await kit.company.together(read, read, write)
    assert await repository.count() == 80


# ------------------------------------------------------------------------------------------------------------- closed


async def test_a_stream_may_be_left_early(kit: AsyncKit) -> None:
    """Closing a stream frees what it held, as often as it happens; a closed one gives nothing more."""
    repository = await _filled(kit, 30)
    for number in range(60):
        async with aclosing(repository.stream(batch_size=4)) as stream:
            async for entity in stream:
                if entity.value >= number % 10:
                    break
        assert await _values(stream) == []
    await repository.create(Plain(99, "z"))
    assert await repository.count() == 31
    unread = repository.stream()
    await unread.aclose()
    assert await _values(unread) == []


async def test_an_exception_of_the_reader_closes_it(kit: AsyncKit) -> None:
    """An exception that leaves the loop comes through as it is, and the storage works on."""
    repository = await _filled(kit, 10)

    async def read() -> None:
        async with aclosing(repository.stream(batch_size=2)) as stream:
            async for entity in stream:
                if entity.value == 3:
                    raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await read()
    assert await repository.delete("00000")


# ----------------------------------------------------------------------------------------------- inside a transaction


@IN_SCOPE
async def test_no_writes_where_a_stream_is_open(kit: AsyncKit) -> None:
    """In a scope the collection of an open stream takes no writes, and others do; once it is closed all do."""
    repository, other = await _filled(kit, 6), await _filled(kit, 0)
    same = kit.storage.repository(Plain, repository.collection_name)
    async with kit.storage.transaction():
        await repository.create(Plain(6, "00006"))
        async with aclosing(repository.stream(batch_size=2)) as stream:
            assert (await anext(stream)).value == 0
            refused: list[Callable[[], Awaitable[object]]] = [
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
                    await write()
            await other.create(Plain(1, "a"))
            assert await repository.count() == 7
            assert await _values(stream) == [1, 2, 3, 4, 5, 6]
        await repository.delete("00000")
        async for entity in repository.stream():
            assert entity.value == 1
            break
        async with aclosing(repository.stream()) as stream:
            await anext(stream)
        await other.create(Plain(2, "b"))
    assert await _values(repository.stream()) == [1, 2, 3, 4, 5, 6]
    assert await other.count() == 2


@IN_SCOPE
async def test_another_class_of_the_collection_is_refused_too(kit: AsyncKit) -> None:
    """It is the collection that takes no writes, whatever class its repository is of."""
    repository = await _filled(kit, 3)

    class Wider(Plain):
        pass

    wider = await kit.repository(Wider, repository.collection_name)
    async with kit.storage.transaction(), aclosing(repository.stream(batch_size=1)) as stream:
        await anext(stream)
        with pytest.raises(TransactionError):
            await wider.create(Wider(7))
        assert await _values(stream) == [1, 2]
    assert await repository.count() == 3


@IN_SCOPE
async def test_a_stream_ends_with_its_scope(kit: AsyncKit) -> None:
    """A stream that outlives the scope it was opened in raises TransactionError, whether that was kept or not."""
    repository = await _filled(kit, 6)
    for fails in (False, True):
        stream = repository.stream(batch_size=1)
        try:
            async with kit.storage.transaction():
                assert (await anext(stream)).value == 0
                await repository.count()
                if fails:
                    raise LookupError
        except LookupError:
            pass
        with pytest.raises(TransactionError):
            await _values(stream)
        assert await _values(stream) == []
        await repository.patch("00003", value=3)


@IN_SCOPE
async def test_a_stream_that_inherited_a_scope_is_refused(kit: AsyncKit) -> None:
    """A child that inherited the scope can neither open a stream in it nor read on in one."""
    repository = await _filled(kit, 4)

    async def read() -> list[int]:
        return await _values(repository.stream())

    async with kit.storage.transaction():
        with pytest.raises(TransactionError):
            await kit.company.start(read, inherit=True).result()
        assert await _values(repository.stream(batch_size=3)) == [0, 1, 2, 3]


@needs(Feature.STREAM, Feature.TRANSACTIONS, Feature.NESTED_TRANSACTIONS)
async def test_a_stream_goes_on_around_an_inner_scope(kit: AsyncKit) -> None:
    """An inner scope on another collection, kept or undone, does not disturb an open stream."""
    repository, other = await _filled(kit, 8), await _filled(kit, 0)
    seen: list[int] = []
    async with kit.storage.transaction():
        await repository.create(Plain(8, "00008"))
        async for entity in repository.stream(batch_size=1):
            seen.append(entity.value)
            try:
                async with kit.storage.transaction():
                    await other.create(Plain(entity.value, str(entity.id)))
                    if entity.value % 2:
                        raise LookupError
            except LookupError:
                pass
    assert seen == list(range(9))
    assert await _values(other) == [0, 2, 4, 6, 8]
