"""What is prepared once for a collection: its table's names, its fixed statements, how its rows cross.

The table of a collection has ``id`` as its primary key, one typed column for each declared scalar, and ``data``, the
jsonb of everything else. Where there is text to search it also has ``seq``, a number that the rows of other tables
refer to. Names stand without a schema: the search path of every session is the configured one.

Rows cross as text in both directions. Going out, whatever is no text becomes one (``to_native``), and PostgreSQL reads
it as its column's type; coming in, psycopg reads numbers and booleans, and only bytes are left to do (``from_native``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from ...model.codec import Row
from ...model.kinds import Canonical, Kind
from ...model.schema import Field, IndexSpec, Schema
from ...query.conditions import Condition, Target
from ...query.replacing import RowRules
from ...query.resolve import resolve
from .compile import Sql, column_type, key_expressions
from .postings import SearchIndex
from .quoting import META, array_text, cut_name, quote_name
from .trigram import TrigramIndex, trigram_candidate

__all__ = ["META", "TablePlan", "column_definition", "index_name", "index_statements", "primary_key"]

_TEXT_KINDS: Final = frozenset(
    {Kind.STR, Kind.DECIMAL, Kind.BIGINT, Kind.DATETIME, Kind.DATE, Kind.TIME, Kind.UUID}
)


def column_definition(field: Field) -> str:
    """The name and type of a column."""
    if field.scalar is None:
        raise TypeError("a column is a declared scalar")
    kind = column_type(field.scalar)
    # Strings compare by code point, whatever the collation of the database.
    return f"{quote_name(field.column)} {kind}" + (' COLLATE "C"' if kind == "text" else "")


def primary_key(collection: str) -> str:
    """The name of the index that the id is unique by."""
    return cut_name(f"{collection}$$id")  # no index has a $ in its name


def index_name(collection: str, spec: IndexSpec, *, second: bool = False) -> str:
    """The name of an index, unique in its schema; ``second`` is the one beside it for values of another kind."""
    # No collection has a $ in its name, so no two collections come to share a name of an index.
    return cut_name(f"{collection}${spec.name}{'$2' if second else ''}")


def index_statements(collection: str, schema: Schema, spec: IndexSpec) -> dict[str, str]:
    """The statements that create a b-tree index by its name, on exactly the expressions that queries are compiled to.

    A place of no declared kind takes two: one for strings, one for numbers and booleans.
    """
    places = [key_expressions(resolve(schema, path).target) for path in spec.paths]
    table = quote_name(collection)
    statements: dict[str, str] = {}
    for at in range(max(map(len, places))):
        keys = [f"({place[min(at, len(place) - 1)]}) NULLS FIRST" for place in places]
        if not spec.unique:
            keys.append("id")  # ties are broken by id, so the index gives the whole order
        name = index_name(collection, spec, second=at > 0)
        unique = "UNIQUE " if spec.unique else ""
        statements[name] = f"CREATE {unique}INDEX {quote_name(name)} ON {table} ({', '.join(keys)})"
    return statements


class TablePlan:
    """The prepared form of one collection.

    Attributes:
        collection: its name.
        schema: what the entity class declares.
        table: the quoted table name.
        names: the columns of a row, in order, not quoted.
        select: the same quoted, comma-separated.
        rules: what is stored when a row replaces another.
        search: the index of its words, or None when nothing is searchable.
        text_indexes: what a write has to keep in step beside the table: that index and the substring indexes.
        trigram_candidate: what the substring indexes know of a condition, for the compiler; None when there are none.
        unique: the unique indexes, by what they are called when they refuse a row: "id", or the fields.
        keeps_unknown: whether a replaced document keeps the keys that the class does not declare.
        types: the type of each column.
        arrays: for each column, the type of an array of its values.
    """

    def __init__(self, collection: str, schema: Schema) -> None:
        self.collection = collection
        self.schema = schema
        self.table = quote_name(collection)
        self.names = [field.column for field in schema.columns] + (["data"] if schema.has_document else [])
        self.quoted = [quote_name(name) for name in self.names]
        self.width = len(self.names)
        self.select = ", ".join(self.quoted)
        self.rules = RowRules(collection, schema, json_documents=True)
        self.keeps_unknown = schema.has_document and not schema.extras
        self.types = [column_type(field.scalar) for field in schema.columns if field.scalar is not None]
        self.types += ["jsonb"] if schema.has_document else []
        self.arrays = [f"{kind}[]" for kind in self.types]
        self.marks = marks = ", ".join(f"${number}" for number in range(1, self.width + 1))
        self.get = f"SELECT {self.select} FROM {self.table} WHERE id = $1"
        self.get_many = f"SELECT {self.select} FROM {self.table} WHERE id = ANY ($1::text[])"
        self.insert = f"INSERT INTO {self.table} ({self.select}) VALUES ({marks})"
        self.copy = f"COPY {self.table} ({self.select}) FROM STDIN (FORMAT BINARY)"
        self.copy_at = f"COPY {self.table} (seq, {self.select}) FROM STDIN (FORMAT BINARY)"
        self.delete = f"DELETE FROM {self.table} WHERE id = $1"
        self.delete_many = f"DELETE FROM {self.table} WHERE id = ANY ($1::text[])"
        self.search = SearchIndex(collection, schema) if schema.searchable else None
        trigrams = tuple(TrigramIndex(collection, schema, spec) for spec in schema.indexes if spec.substring)
        self.text_indexes = (*((self.search,) if self.search is not None else ()), *trigrams)
        self.trigram_candidate: Callable[[Sql, Target, Condition], str | None] | None = (
            partial(trigram_candidate, trigrams) if trigrams else None
        )
        self.unique = {
            index_name(collection, spec): (" and ".join(spec.paths), spec)
            for spec in schema.indexes
            if spec.unique
        }
        self.id_index = primary_key(collection)
        self._conversions = tuple(_conversions(schema.columns))
        self._array_texts = [_array_text(field) for field in schema.columns]
        self._array_texts += [array_text] if schema.has_document else []
        self._texts: dict[str, str] = {}
        self._binary = tuple(at for at, field in enumerate(schema.columns) if _kind(field) is Kind.BYTES)

    def text(self, name: str, make: Callable[[TablePlan], str]) -> str:
        """The statement of that name, made when it is first asked for."""
        known = self._texts.get(name)
        if known is None:
            known = self._texts[name] = make(self)
        return known

    @property
    def has_seq(self) -> bool:
        """Whether the table has the number that other tables refer to its rows by."""
        return bool(self.text_indexes)

    def to_native(self, row: Row) -> Row:
        """The row as texts and Nones, each as PostgreSQL reads it for its column."""
        if not self._conversions:
            return row
        values = list(row)
        for at, convert in self._conversions:
            value = values[at]
            if value is not None:
                values[at] = convert(value)
        return tuple(values)

    def native_value(self, at: int, value: Canonical) -> str | None:
        """One value of such a row, by its place."""
        for place, convert in self._conversions:
            if place == at and value is not None:
                return convert(value)
        return None if value is None else str(value)

    def from_native(self, row: Row) -> Row:
        """The row as the codec takes it."""
        if not self._binary:
            return row
        values = list(row)
        for at in self._binary:
            value = values[at]
            values[at] = value if value is None else value[2:]
        return tuple(values)

    def rows(self, rows: list[Row]) -> list[Row]:
        """All of them as the codec takes them."""
        return [self.from_native(row) for row in rows] if self._binary else rows

    def columns_of(self, rows: Sequence[Row]) -> list[str]:
        """These rows as one array for each column, as text."""
        return [text(column) for text, column in zip(self._array_texts, zip(*rows, strict=True), strict=True)]

    def what_is_taken(self, constraint: str | None) -> str:
        """What another entity has the same of, by the name of the index that says so."""
        if constraint == self.id_index:
            return "id"
        found = self.unique.get(constraint or "")
        return "value of a unique field" if found is None else found[0]


def _kind(field: Field) -> Kind | None:
    return None if field.scalar is None else field.scalar.kind


def _conversion(field: Field) -> Callable[[Canonical], str] | None:
    """What makes the text that PostgreSQL reads of a column's value; None where it is that text already."""
    kind = _kind(field)
    if kind is Kind.BYTES:
        return "\\x{}".format
    if kind is Kind.BOOL:
        return _bool_text
    return None if kind in _TEXT_KINDS else repr


def _conversions(columns: Iterable[Field]) -> Iterable[tuple[int, Callable[[Canonical], str]]]:
    for at, field in enumerate(columns):
        convert = _conversion(field)
        if convert is not None:
            yield at, convert


def _bool_text(value: Canonical) -> str:
    return "true" if value else "false"


def _array_text(field: Field) -> Callable[[Iterable[Any]], str]:
    """What makes the text of an array of a column's values; column by column is quicker than row by row."""
    convert = _conversion(field)
    if convert is None:
        return array_text
    if _kind(field) is Kind.BYTES:
        return lambda values: array_text([None if value is None else convert(value) for value in values])
    return lambda values: f"{{{','.join(['NULL' if value is None else convert(value) for value in values])}}}"
