"""What no engine could keep faithfully: refused before the engine is touched, on every engine with the same error."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest

from torematrix.core.storage import Feature, Index, InvalidEntityError, InvalidQueryError

from ..._async.harness import AsyncKit
from ...entities import Colour, Level, Part, Sample
from ...needs import needs
from ..entities import Note, Plain

NAN: Final = float("nan")
INFINITY: Final = float("inf")
NAIVE: Final = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - declared naive, or refused for being so
EAST: Final = dt.timezone(dt.timedelta(hours=1))


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def _itself() -> Any:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


# By field: what it does not take.
REFUSED: Final[dict[str, list[Any]]] = {
    "title": ["\0", "a\0b", "\ud800", "a\udfff", None, 5, b"a", ["a"], "x" * 2_001, "é" * 1_001],
    "body": ["\0", "\ud800", 5, b"a"],
    "number": [2**63, -(2**63) - 1, 1.0, 1.5, True, "1", Decimal(1), [1]],
    "count": [None, 2**63, "1", False],
    "ratio": [NAN, INFINITY, -INFINITY, "1.5", True, Decimal("1.5"), 2**53 + 1, 10**400],
    "flag": [0, 1, "true", "", []],
    "amount": [
        *(1, 1.5, "1.5", Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+200000")),
        Decimal("1E-200000"),
    ],
    "huge": [1.0, "1", Decimal(1), True],
    "raw": ["a", bytearray(b"a"), memoryview(b"a"), [1]],
    "moment": [
        *(NAIVE, "2024-01-01", 0, dt.date(2024, 1, 1), dt.datetime(1, 1, 1, tzinfo=EAST)),
        dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.timezone(-dt.timedelta(hours=1))),
    ],
    "local": [NAIVE.replace(tzinfo=dt.UTC), "2024-01-01", dt.date(2024, 1, 1)],
    "day": ["2024-01-01", NAIVE, NAIVE.replace(tzinfo=dt.UTC), 0],
    "clock": ["12:30", dt.time(1, tzinfo=dt.UTC), NAIVE],
    "span": [1, "1 day", dt.timedelta.max, dt.timedelta.min, dt.timedelta(microseconds=2**63)],
    "key": ["not a uuid", str(UUID(int=1)), 5],
    "colour": ["red", "RED", 1, Level.LOW],
    "level": [0, "LOW", Colour.RED],
    "tags": [None, "abc", ("a",), {"a"}, [1], ["a", None], ["\0"], ["\ud800"], {"a": "b"}],
    "ratios": [[NAN], ["1"], [True]],
    "amounts": [[1.5], ["1"], [Decimal("NaN")], [None]],
    "marks": [[1], {"a"}, {1.5}, {2**63}, None],
    "pair": [(1,), (1, "a", 2), [1, "a"], ("a", 1), (1, "\0"), ()],
    "counts": [{1: 1}, {"a": "b"}, {"a": None}, {"\0": 1}, {"\ud800": 1}, [], {None: 1}, {"a": 2**63}],
    "part": [{"name": "a"}, "a", Part(5), Part("a", Decimal("NaN")), Part("\0"), Part("a", None, 2**63)],  # type: ignore[arg-type]  # that is the point
    "parts": [[None], [{"name": "a"}], Part("a"), [Part("a", size=True), 5]],
    "either": [1.5, True, [1], b"a", 2**63, "\0"],
    "extra": [
        *(None, [], "a", {1: 2}, {None: 1}, {"a": NAN}, {"a": INFINITY}, {"b": 2**63}, {"b": "\0"}, {"b": "\ud800"}),
        {"\0": 1},
        *({"b": (1,)}, {"b": {1}}, {"b": b"a"}, {"b": Decimal(1)}, {"b": NAIVE}, {"b": UUID(int=1)}, {"b": Colour.RED}),
        *({"b": object()}, {"b": [1, {"c": [NAN]}]}, {"b": _nested(100)}, {"b": _itself()}, {"\ud800": 1}),
        {"b": {5: 1}},
        *({"a": "text"}, {"a": 1.5}, {"a": [1]}, {"a": True}),
    ],
    "id": ["\0", "\ud800", "x" * 2_001, "é" * 1_001, 5, b"a", UUID(int=1)],
    "created_at": [NAIVE, "2024-01-01", 0],
}  # fmt: skip


@pytest.mark.parametrize("field", REFUSED)
async def test_a_value_that_cannot_be_kept_is_refused(kit: AsyncKit, field: str) -> None:
    """Every write of the value raises InvalidEntityError, which names the place, and stores nothing."""
    repository: Any = await kit.repository(Sample, indexes=[Index("extra.a", int)])
    stored = await repository.create(Sample(id="stored"))
    wrong: list[str] = []
    for value in REFUSED[field]:
        changes: dict[str, Any] = {field: value}
        writes: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
            ("create", (Sample(**changes),), {}),
            ("upsert", (Sample(**changes),), {}),
            *([("bulk_create", ([Sample(), Sample(**changes)],), {})] if kit.writes_together else []),
        ]
        if field not in ("id", "created_at"):
            changed = replace(stored, **changes)
            writes += [
                ("update", (changed,), {}),
                *([("bulk_update", ([changed],), {})] if kit.writes_together else []),
                ("patch", ("stored",), changes),
            ]
        for name, arguments, named in writes:
            try:
                await getattr(repository, name)(*arguments, **named)
            except InvalidEntityError as error:
                outcome = str(error.path)
            else:
                outcome = "nothing raised"
            if not outcome.startswith(field):
                wrong.append(f"{name} of {ascii(value)[:60]}: {outcome}")
    assert wrong == []
    assert await repository.list() == [stored]


async def test_the_place_is_named(kit: AsyncKit) -> None:
    """The error carries the path of the value inside the entity, and not the value."""
    repository = await kit.repository(Note)
    cases: list[tuple[Any, str]] = [
        (Note("s3cret\0"), "title"),
        (Note(tags=["a", "s3cret\0"]), "tags[1]"),
        (Note(meta={"a": [{"b.c": "s3cret\0"}]}), 'meta.a[0]["b.c"]'),
        (Note(meta={"a": {"b": NAN}}), "meta.a.b"),
    ]
    for entity, path in cases:
        with pytest.raises(InvalidEntityError) as caught:
            await repository.create(entity)
        assert caught.value.path == path
        assert path in str(caught.value)
        assert "s3cret" not in str(caught.value)
        assert not caught.value.retryable


async def test_documents_take_json_alone(kit: AsyncKit) -> None:
    """Free-form documents hold the six JSON kinds; everything else raises InvalidEntityError wherever it stands."""
    repository = await kit.documents()
    values: list[Any] = [
        *(
            NAN,
            INFINITY,
            2**63,
            -(2**63) - 1,
            "\0",
            "\ud800",
            (1,),
            {1},
            b"a",
            Decimal(1),
            NAIVE,
            dt.date(2024, 1, 1),
        ),
        *(
            UUID(int=1),
            Colour.RED,
            Level.LOW,
            object(),
            Plain(1),
            {1: 2},
            {None: 1},
            {("a",): 1},
            range(3),
            1j,
            _itself(),
            _nested(100),
        ),
    ]
    for value in values:
        for document in ({"v": value}, {"v": [value]}, {"v": {"w": value}}):
            with pytest.raises(InvalidEntityError):
                await repository.create(document)
    wrong: tuple[Any, ...] = (
        {"\0": 1},
        {"\ud800": 1},
        {5: 1},
        {None: 1},
        {"id": 5},
        {"id": ["a"]},
        [],
        "text",
        None,
    )
    for entity in wrong:
        with pytest.raises(InvalidEntityError):
            await repository.create(entity)
    assert await repository.count() == 0


async def test_depth_has_a_limit(kit: AsyncKit) -> None:
    """Documents nest to 100 levels and no deeper, on every engine."""
    repository = await kit.documents()
    deepest = {"id": "x", "v": _nested(99)}
    assert await repository.create(deepest) == deepest
    assert await repository.get("x") == deepest
    for depth in (100, 101, 500, 5_000):
        with pytest.raises(InvalidEntityError):
            await repository.create({"v": _nested(depth)})
    assert await repository.count() == 1


async def test_size_has_a_limit(kit: AsyncKit) -> None:
    """An entity above 16,000,000 bytes raises InvalidEntityError, and one just below is kept."""
    repository = await kit.repository(Note)
    large = Note("large", "x", meta={"text": "x" * 15_990_000})
    assert await repository.create(large) == large
    found = await repository.get("x")
    assert found is not None
    assert len(found.meta["text"]) == 15_990_000
    with pytest.raises(InvalidEntityError):
        await repository.create(Note("larger", meta={"text": "x" * 16_000_001}))
    with pytest.raises(InvalidEntityError):
        await repository.patch("x", meta={"text": "é" * 8_000_001})
    assert await repository.count() == 1


@needs(Feature.SEARCH)
async def test_what_is_kept_for_searching_counts(kit: AsyncKit) -> None:
    """A text whose words would take it above the limit of an entity is refused, although it is below that itself."""
    repository = await kit.repository(Note, searchable=["title"])
    words = " ".join(f"w{number:x}" for number in range(1_000_000))
    kept = await repository.create(Note(words[:1_500_000], "kept"))
    with pytest.raises(InvalidEntityError):
        await repository.create(Note(words, "refused"))
    with pytest.raises(InvalidEntityError):
        await repository.patch("kept", title=words)
    assert await repository.list() == [kept]
    assert await repository.search("w10000") == [kept]


async def test_indexed_text_has_a_limit(kit: AsyncKit) -> None:
    """Text that an index holds has 2,000 bytes at most, counted in UTF-8; other text has no limit of its own."""
    repository = await kit.repository(Sample)
    for text in ("x" * 2_000, "é" * 1_000):
        assert (await repository.create(Sample(title=text))).title == text
    assert (await repository.create(Sample(body="x" * 100_000))).body == "x" * 100_000
    documents = await kit.documents(indexes=[Index("a.b", str)])
    with pytest.raises(InvalidEntityError):
        await documents.create({"a": {"b": "x" * 2_001}})
    assert await documents.count() == 0


async def test_what_is_no_token(kit: AsyncKit) -> None:
    """The outcome of a commit is asked for by the text that a CommitUnknown gave, and by nothing else."""
    wrong: list[Any] = ["", "x", "é:1", None, 5, b"x"]
    for token in wrong:
        with pytest.raises(InvalidQueryError):
            await kit.storage.commit_outcome(token)
