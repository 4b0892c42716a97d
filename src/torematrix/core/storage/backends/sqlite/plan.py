"""What is prepared once for a collection: its table's names, its fixed statements, how its rows cross.

The table of a collection has ``seq INTEGER PRIMARY KEY`` (the key that VACUUM keeps and the search index refers to),
one typed column for each declared scalar, and ``data``, the JSON text of everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from ...model.codec import Row
from ...model.kinds import Kind, Scalar
from ...model.schema import Field, IndexSpec, Schema
from ...query.conditions import Condition, Target
from ...query.replacing import RowRules
from ...query.resolve import resolve
from .compile import Sql, key_expression, value_expression
from .quoting import META, quote_name
from .search_index import SearchIndex
from .trigram import TrigramIndex, trigram_candidate

__all__ = ["META", "TablePlan", "column_type", "index_name", "index_statement"]

_TYPES: Final = {
    Kind.INT: "INTEGER",
    Kind.FLOAT: "REAL",
    Kind.BOOL: "INTEGER",
    Kind.BYTES: "BLOB",
    Kind.TIMEDELTA: "INTEGER",
}


def column_type(scalar: Scalar) -> str:
    """The type of a column in a STRICT table."""
    return _TYPES.get(scalar.kind, "TEXT")


def index_name(collection: str, spec: IndexSpec) -> str:
    """The name of an index, unique in the database."""
    # No collection has a $ in its name, so no two collections come to share a name of an index.
    return f"{collection}${spec.name}"


def index_statement(collection: str, schema: Schema, spec: IndexSpec) -> str:
    """The statement that creates a b-tree index, on exactly the expressions that queries are compiled to."""
    keys = [key_expression(resolve(schema, path).target) for path in spec.paths]
    if not spec.unique:
        keys.append("id")  # ties are broken by id, so the index gives the whole order
    unique = "UNIQUE " if spec.unique else ""
    name, table = quote_name(index_name(collection, spec)), quote_name(collection)
    return f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {table} ({', '.join(keys)})"


class TablePlan:
    """The prepared form of one collection.

    Attributes:
        table: the quoted table name.
        rules: what is stored when a row replaces another.
        search: the index of its words, or None when nothing is searchable.
        text_indexes: what a write has to keep in step beside the table: that index and the substring indexes.
        trigram_candidate: what the substring indexes know of a condition, for the compiler; None when there are none.
        ordered: the paths along which an index gives the rows in order.
        select: the columns of a row, comma-separated.
        width: how many values a row has.
    """

    def __init__(self, collection: str, schema: Schema) -> None:
        self.collection = collection
        self.schema = schema
        self.table = quote_name(collection)
        self.names = [field.column for field in schema.columns] + (["data"] if schema.has_document else [])
        quoted = [quote_name(name) for name in self.names]
        self.width = len(quoted)
        self.select = ", ".join(quoted)
        marks = ", ".join("?" * self.width)
        self.get = f"SELECT {self.select} FROM {self.table} WHERE id = ?"
        self.get_many = f"SELECT {self.select} FROM {self.table} WHERE id IN (SELECT value FROM json_each(?))"
        self.get_for_update = f"SELECT seq, {self.select} FROM {self.table} WHERE id = ?"
        self.get_many_for_update = (
            f"SELECT seq, {self.select} FROM {self.table} WHERE id IN (SELECT value FROM json_each(?))"
        )
        self.insert = f"INSERT INTO {self.table} ({self.select}) VALUES ({marks})"
        self.insert_at = f"INSERT INTO {self.table} (seq, {self.select}) VALUES (?, {marks})"
        self.delete = f"DELETE FROM {self.table} WHERE id = ?"
        self.delete_many = f"DELETE FROM {self.table} WHERE id IN (SELECT value FROM json_each(?))"
        self.rules = RowRules(collection, schema, json_documents=True)
        self._binary = tuple(at for at, field in enumerate(schema.columns) if _is_binary(field))
        self._updates: dict[tuple[int, ...], str] = {}
        self.native = bool(self._binary)
        self.unique = tuple(spec for spec in schema.indexes if spec.unique)
        self.search = SearchIndex(collection, schema) if schema.searchable else None
        trigrams = tuple(TrigramIndex(collection, schema, spec) for spec in schema.indexes if spec.substring)
        self.ordered = frozenset(
            ["id", *(spec.paths[0] for spec in schema.indexes if not spec.substring)],
        )
        self.text_signature = ""
        self.text_indexes = (*((self.search,) if self.search is not None else ()), *trigrams)
        self.trigram_candidate: Callable[[Sql, Target, Condition], str | None] | None = (
            partial(trigram_candidate, trigrams) if trigrams else None
        )

    def to_native(self, row: Row) -> Row:
        """The row with its bytes as bytes rather than hexadecimal text."""
        if not self._binary:
            return row
        values = list(row)
        for at in self._binary:
            value = values[at]
            values[at] = bytes.fromhex(value) if isinstance(value, str) else value
        return tuple(values)

    def from_native(self, row: Row) -> Row:
        """The row as the codec takes it."""
        if not self._binary:
            return row
        values = list(row)
        for at in self._binary:
            value = values[at]
            values[at] = value.hex() if isinstance(value, bytes) else value
        return tuple(values)

    def rows(self, rows: list[Row]) -> list[Row]:
        """All of them as the codec takes them."""
        return [self.from_native(row) for row in rows] if self._binary else rows

    def update(self, changed: Sequence[int]) -> str:
        """The statement that sets these columns, by place in the row, of the row with that seq."""
        key = tuple(changed)
        text = self._updates.get(key)
        if text is None:
            sets = ", ".join(f"{quote_name(self.names[at])} = ?" for at in key)
            text = f"UPDATE {self.table} SET {sets} WHERE seq = ?"
            if len(self._updates) < 256:
                self._updates[key] = text
        return text

    def unique_expressions(self, spec: IndexSpec) -> list[tuple[Target, str]]:
        """The places of a unique index and the expressions it stands on."""
        targets = [resolve(self.schema, path).target for path in spec.paths]
        return [(target, key_expression(target)) for target in targets]

    def expression(self, path: str) -> str:
        """The value at a path, as SQL."""
        return value_expression(resolve(self.schema, path).target)


def _is_binary(field: Field) -> bool:
    return field.scalar is not None and field.scalar.kind is Kind.BYTES
