"""Searches compared with the reference: a collection on a driver, the same in memory, and everything done to both.

For tests of a driver's own search: they write, roll back and ask at random from a seed, and look into what the driver
has stored as well. The kit asks through repositories, and knows nothing of that.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

from ..backends.memory.config import MemoryConfig
from ..backends.memory.driver import MemoryDriver
from ..core._sync.port import Driver, Session
from ..core.options import TransactionOptions
from ..model.codec import Codec, Row
from ..model.markers import Index, Searchable
from ..model.schema import schema_of
from ..query.filters import F, Filters
from ..query.normalise import condition_of
from ..query.operations import (
    Collection,
    Insert,
    Operation,
    Patch,
    Ranked,
    Remove,
    Replace,
    Search,
    SearchStatistics,
    Upsert,
)
from ..query.rows import document_of
from ..query.search import parse_search

__all__ = ["Choices", "Page", "Pair"]

_NOW: Final = "2024-01-01T00:00:00.000000+00:00"

Make = Callable[[Collection], Operation]
Hits = list[tuple[str, int]]


@dataclass
class Page:
    """Fields named as an index might name its own, so that a name which means the wrong one is seen."""

    id: str | None = None
    title: Annotated[str, Searchable(3)] = ""
    tokens: Annotated[str | None, Searchable()] = None
    term: int = 0
    score: int = 0


class Side:
    """A collection on one driver."""

    def __init__(self, driver: Driver, collection: Collection) -> None:
        self.driver = driver
        self.collection = collection
        self.session: Session | None = None
        self.marks: list[str] = []
        driver.ensure(collection)

    def run(self, operation: Operation) -> Any:
        """The operation's result, in the transaction that is open, if one is."""
        return self.driver.run(operation, self.session)


class Pair:
    """A collection on a driver, and the same in memory, to which everything is done alike."""

    def __init__(
        self,
        driver: Driver,
        entity_class: type[Any] = Page,
        *,
        name: str = "pages",
        searchable: Any = None,
        indexes: Sequence[Index] = (),
    ) -> None:
        self.schema = schema_of(entity_class, searchable=searchable, indexes=indexes)
        self.real, self.reference = (
            Side(each, Collection(name, self.schema, Codec(self.schema, json_documents=each.json_documents)))
            for each in (driver, MemoryDriver(MemoryConfig()))
        )
        self.sides = (self.real, self.reference)

    @property
    def keys(self) -> list[str]:
        """The ids that are stored."""
        return sorted(self.reference.collection.plan.table.documents)

    @property
    def documents(self) -> dict[str, dict[str, Any]]:
        """The canonical documents that ought to be stored, by id."""
        documents: dict[str, dict[str, Any]] = self.reference.collection.plan.table.documents
        return documents

    # Writing ---------------------------------------------------------------------------------------------------

    def rows(self, collection: Collection, *entities: Any) -> tuple[Row, ...]:
        """The rows of entities, in the form that a collection's driver takes."""
        return tuple(collection.codec.row_to_create(entity, _NOW, lambda: "unused") for entity in entities)

    def both(self, make: Make) -> tuple[Any, Any]:
        """The results of an operation, which is made anew for each side."""
        real, reference = (side.run(make(side.collection)) for side in self.sides)
        return real, reference

    def insert(self, *entities: Any) -> None:
        """Store new entities at once."""
        self.both(lambda collection: Insert(collection, self.rows(collection, *entities)))

    def insert_in(self, side: Side, *entities: Any) -> None:
        """Store new entities on one side, where the other has them in another way."""
        side.run(Insert(side.collection, self.rows(side.collection, *entities)))

    def replace(self, *entities: Any) -> None:
        """Replace stored entities at once."""
        self.both(lambda collection: Replace(collection, self.rows(collection, *entities)))

    def upsert(self, entity: Any) -> None:
        """Store an entity, or replace it."""

        def make(collection: Collection) -> Upsert:
            (row,) = self.rows(collection, entity)
            return Upsert(collection, row, row)

        self.both(make)

    def patch(self, key: str, **changes: Any) -> None:
        """Replace fields of a stored entity."""
        fields = tuple((self.schema.by_name[name], value) for name, value in changes.items())
        self.both(lambda collection: Patch(collection, key, fields, {}, None))

    def remove(self, *keys: str) -> None:
        """Delete entities at once, whether they are there or not."""
        real, reference = self.both(lambda collection: Remove(collection, keys))
        assert real == reference

    # Transactions ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open a transaction on both sides."""
        for side in self.sides:
            side.session = side.driver.begin(TransactionOptions())

    def mark(self) -> None:
        """Remember the present state."""
        for side in self.sides:
            assert side.session is not None
            side.marks.append(side.session.savepoint())

    def undo(self) -> None:
        """Go back to the last mark."""
        for side in self.sides:
            assert side.session is not None
            side.session.rollback_to(side.marks.pop())

    def end(self, *, commit: bool) -> None:
        """Close the transaction."""
        for side in self.sides:
            assert side.session is not None
            (side.session.commit if commit else side.session.rollback)()
            side.session = None
            side.marks.clear()

    @contextmanager
    def scope(self, kind: str) -> Generator[None]:
        """Nothing ("plain"), or a transaction: "stored", "undone", or "partly" undone, from a mark to the end."""
        if kind == "plain":
            yield
            return
        self.begin()
        if kind == "partly":
            self.mark()
        yield
        if kind == "partly":
            self.undo()
        self.end(commit=kind != "undone")

    # Asking ----------------------------------------------------------------------------------------------------

    def operation(
        self,
        collection: Collection,
        text: str,
        *,
        fields: Sequence[str] | None = None,
        filters: Filters = None,
        limit: int | None = None,
        offset: int = 0,
        total: bool = True,
        after: tuple[int, str] | None = None,
        statistics: SearchStatistics | None = None,
    ) -> Search:
        """A search of some fields, or of all."""
        searched = tuple(item for item in self.schema.searchable if fields is None or item[0] in fields)
        condition = condition_of(self.schema, filters)
        return Search(
            collection, parse_search(text), searched, condition, limit, offset, total, after, statistics
        )

    def search(self, text: str, **arguments: Any) -> tuple[Hits, Ranked]:
        """The hits as (id, score), checked against the reference with everything that comes with them."""
        real, reference = self.both(lambda collection: self.operation(collection, text, **arguments))
        found, expected = (
            [(score, document_of(self.schema, row)) for score, row in ranked.rows]
            for ranked in (real, reference)
        )
        assert found == expected, (text, arguments)
        assert (real.total, real.statistics) == (reference.total, reference.statistics), (text, arguments)
        return [(str(document["id"]), score) for score, document in found], real

    def walk(self, text: str, size: int, **arguments: Any) -> None:
        """All pages of that size, by offset and by cursor, make up the whole."""
        whole, _ = self.search(text, **arguments)
        by_offset: Hits = []
        behind: Hits = []
        after: tuple[int, str] | None = None
        statistics: SearchStatistics | None = None
        for offset in range(0, len(whole) + 1, size):
            by_offset += self.search(text, limit=size, offset=offset, **arguments)[0]
            page, ranked = self.search(
                text, limit=size, after=after, statistics=statistics, total=offset % 2 == 0, **arguments
            )
            behind += page
            statistics = ranked.statistics
            after = (page[-1][1], page[-1][0]) if page else after
        assert by_offset == behind == whole


# Few words, most of them the same few, so that matches, ties and repetitions abound; and what a careless index would
# take for syntax, for a number, or for no word.
_COMMON: Final = ["a", "b", "ab", "abc", "c"]
_RARE: Final = ["abd", "Äb", "漢字", "カタ", "🙂", "c++", "or", "null", "x" * 300, "\U0010ffff", "%", "\\", "{", ",", "$a", "0", "17"]  # fmt: skip  # noqa: E501
_PHRASES: Final = ["ab*", '"a b"', '"b a"', '"ab a"*', '"a b c"', "a-b-c", "漢字*", "nowhere", '"b nowhere"', "nul*", "x*", "xx*", "17*"]  # fmt: skip  # noqa: E501
_KEYS: Final = ["a", "B", "é", "\U0001d4b3", "\ue000", *map(str, range(20))]
_FILTERS: Final = [
    F("term") == 1,
    (F("score") > 0) & (F("term") != 2),
    F("tokens").contains("a"),
    F("id").in_(["1", "2", "é"]),
    ~F("tokens").is_null() | F("title").ilike("%A%"),
]


class Choices:
    """Random texts, queries, writes and questions from one seed, about pages.

    Args:
        seed: gives the same choices again.
        bulk: whether several may be written at once.
    """

    def __init__(self, seed: int, *, bulk: bool = True) -> None:
        self.random = random.Random(seed)
        self._bulk = bulk

    def words(self, most: int) -> str:
        """Fewer words than that, and what stands between words."""
        pool = [*_COMMON * 6, *_RARE, "-", '"', "*"]
        return " ".join(self.random.choices(pool, k=self.random.randrange(most)))

    def page(self, key: str | None = None) -> Page:
        """A page of that id, or of any."""
        choose = self.random
        return Page(
            key or choose.choice(_KEYS),
            self.words(6),
            choose.choice([self.words(8), self.words(8), self.words(40), None]),
            choose.randrange(3),
            choose.randrange(3),
        )

    def _term(self) -> str:
        return self.random.choice([*_COMMON * 3, *_RARE, *_PHRASES * 2])

    def _clause(self) -> str:
        choose = self.random
        terms = [self._term() for _ in range(choose.choice([1, 1, 2, 2, 3, 10]))]
        return " ".join(terms + [f"-{self._term()}" for _ in range(choose.choice([0, 0, 0, 1, 2, 9]))])

    def query(self) -> str:
        """A query of any form."""
        choose = self.random
        if choose.random() < 0.1:
            return " ".join(choose.choices([*_COMMON, '"', "-", "*", "OR"], k=choose.randrange(6)))
        if choose.random() < 0.3:
            return " OR ".join(choose.choices([*_COMMON, *_RARE, "ab*"], k=choose.randrange(1, 6)))
        return " OR ".join(self._clause() for _ in range(choose.choice([1, 1, 1, 2, 3])))

    def write(self, pair: Pair) -> None:
        """Do something to both sides."""
        choose = self.random
        known = pair.keys
        new = [key for key in _KEYS if key not in known]
        match choose.choice(["upsert", "insert", "replace", "patch", "remove", "untouched"]):
            case "insert" if new:
                pair.insert(*map(self.page, self._some(new, [1, 2, 18])))
            case "remove":
                pair.remove(*self._some(_KEYS, [2]))
            case "replace" if known:
                pair.replace(*map(self.page, self._some(known, [1, 1, 3, 18])))
            case "patch" if known:
                pair.patch(choose.choice(known), title=self.words(6), term=choose.randrange(3))
            case "untouched" if known:
                pair.patch(choose.choice(known), score=choose.randrange(3))
            case _:
                pair.upsert(self.page())

    def _some(self, keys: Sequence[str], counts: list[int]) -> list[str]:
        count = self.random.choice(counts) if self._bulk else 1
        return self.random.sample(keys, min(len(keys), count))

    def ask(self, pair: Pair) -> None:
        """Search both sides for something, whole, in part or in pages."""
        choose = self.random
        fields = choose.choice([None, None, ("title",), ("tokens",)])
        filters = choose.choice([None, None, *_FILTERS])
        text = self.query()
        if choose.random() < 0.3:
            pair.walk(text, choose.choice([1, 2, 5]), fields=fields, filters=filters)
        else:
            limit = choose.choice([None, 0, 1, 3, 10])
            pair.search(text, fields=fields, filters=filters, limit=limit, offset=choose.choice([0, 0, 2]))
