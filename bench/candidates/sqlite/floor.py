"""The floor of the synchronous rows: apsw by hand, as somebody would ship it who knows SQLite well.

Each thread has one connection, for everything, and a cursor for reads, which ``.get`` always runs to its end. An
update reads the stored row and sets the columns that differ, because every index is written of a column that is set.
A page and its total come from one statement, the page's rows found by key first, so that SQLite does not sort whole
rows.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
from entities import Article, Fields, Item

from torematrix.core.storage.query.relevance import average_length, word_factor
from torematrix.core.storage.query.text import tokens

from . import _form as form
from . import path_of
from ._form import Row

_encode: Final = msgspec.json.Encoder().encode
_WEIGHTS: Final = (3, 1)


def connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    if connection.pragma("page_count") == 0:
        connection.execute(form.AUTO_VACUUM)
    for name, value in form.PRAGMAS.items():
        connection.pragma(name, value)
    connection.set_busy_timeout(5000)
    connection.register_fts5_function("totals", _totals)
    connection.register_fts5_function("visit", _visit)
    return connection


def _totals(api: Any) -> int:
    """The sum of the weighted lengths, and how many rows there are, as one number: both stay below 2**31."""
    length = sum(weight * api.column_total_size(column) for column, weight in enumerate(_WEIGHTS))
    return (length << 31) + api.row_count


def _visit(api: Any, score: Callable[[Any, int], bool], length: int) -> bool:
    return score(api, length)


class Connections:
    """One connection a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @property
    def here(self) -> apsw.Connection:
        try:
            return self._local.connection  # type: ignore[no-any-return]
        except AttributeError:
            connection = self._local.connection = connect(self._path)
            self._local.cursor = connection.cursor()
            return connection

    @property
    def cursor(self) -> apsw.Cursor:
        try:
            return self._local.cursor  # type: ignore[no-any-return]
        except AttributeError:
            return self.here and self._local.cursor  # type: ignore[no-any-return]


class Writing:
    """A transaction that is going to write."""

    __slots__ = ("_connection",)

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> apsw.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._connection.execute("COMMIT" if error is None else "ROLLBACK")


class Table:
    """What is the same for both tables."""

    def __init__(self, connections: Connections, name: str, columns: str) -> None:
        self.connections = connections
        names = columns.split(", ")
        marks = ", ".join("?" * len(names))
        self.names = names
        self.get_sql = f"SELECT {columns} FROM {name} WHERE id = ?"
        self.for_update = f"SELECT seq, {columns} FROM {name} WHERE id = ?"
        self.many_for_update = (
            f"SELECT seq, {columns} FROM {name} WHERE id IN (SELECT value FROM json_each(?))"
        )
        self.insert = f"INSERT INTO {name} ({columns}) VALUES ({marks})"
        self.delete_sql = f"DELETE FROM {name} WHERE id = ?"
        self.delete_many_sql = f"DELETE FROM {name} WHERE id IN (SELECT value FROM json_each(?))"
        self._updates: dict[tuple[int, ...], str] = {}
        self._name = name

    def update_of(self, changed: tuple[int, ...]) -> str:
        sql = self._updates.get(changed)
        if sql is None:
            sets = ", ".join(f"{self.names[at]} = ?" for at in changed)
            sql = self._updates[changed] = f"UPDATE {self._name} SET {sets} WHERE seq = ?"
        return sql


def _found(row: Any, entity_id: str | None) -> Row:
    if row is None:
        raise KeyError(entity_id)
    return row  # type: ignore[no-any-return]


def _difference(old: Row, new: Row) -> tuple[int, ...]:
    return tuple([at for at in range(len(new)) if old[at + 1] != new[at]])


class Items(Table):
    """The items."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections, "items", form.ITEM_COLUMNS)
        columns = form.ITEM_COLUMNS
        self._list = f"SELECT {columns} FROM items WHERE status = ? ORDER BY size, id"
        self._page = (
            f"SELECT {columns}, (SELECT count(*) FROM items WHERE status = ?1) FROM items WHERE seq IN "
            "(SELECT seq FROM items WHERE status = ?1 ORDER BY size, id LIMIT ?2 OFFSET ?3) ORDER BY size, id"
        )
        self._counted = "SELECT count(*) FROM items WHERE status = ?"
        self._scanned = "SELECT count(*) FROM items WHERE size >= ?"
        self._first = f"SELECT {columns} FROM items ORDER BY created_at, id LIMIT ?"
        self._after = (
            f"SELECT {columns} FROM items WHERE (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?"
        )
        self._all = f"SELECT {columns} FROM items ORDER BY id"

    def entity(self, fields: Fields) -> Item:
        return Item(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Item:
        return Item(**{**fields, **changes})

    def get(self, entity_id: str) -> Item | None:
        row = self.connections.cursor.execute(self.get_sql, (entity_id,)).get
        return None if row is None else form.item_of(row)

    def create(self, item: Item) -> Item:
        now = form.now_text()
        row = form.new_item_row(item, now)
        self.connections.here.execute(self.insert, row)
        return form.item_of(row)

    def update(self, item: Item) -> Item:
        now = form.now_text()
        with Writing(self.connections.here) as connection:
            row = self._replace(connection, item, now)
        return form.item_of(row)

    def _replace(self, connection: apsw.Connection, item: Item, now: str) -> Row:
        old = _found(connection.execute(self.for_update, (item.id,)).get, item.id)
        row = form.item_row(item, old[1], old[8], now)
        changed = _difference(old, row)
        connection.execute(self.update_of(changed), (*[row[at] for at in changed], old[0]))
        return row

    def delete(self, entity_id: str) -> bool:
        connection = self.connections.here
        connection.execute(self.delete_sql, (entity_id,))
        return connection.changes() > 0

    def delete_many(self, ids: list[str]) -> None:
        self.connections.here.execute(self.delete_many_sql, (_encode(ids).decode(),))

    def list(self, status: str) -> list[Item]:
        return [form.item_of(row) for row in self.connections.cursor.execute(self._list, (status,))]

    def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        cursor = self.connections.cursor
        rows = cursor.execute(self._page, (status, 50, 50 * (number - 1))).fetchall()
        if rows:
            return [form.item_of(row[:-1]) for row in rows], rows[0][-1]
        return [], cursor.execute(self._counted, (status,)).get

    def count_indexed(self, status: str) -> int:
        return self.connections.cursor.execute(self._counted, (status,)).get  # type: ignore[no-any-return]

    def count_scanned(self, least: int) -> int:
        return self.connections.cursor.execute(self._scanned, (least,)).get  # type: ignore[no-any-return]

    def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        cursor = self.connections.cursor
        if after is None:
            rows = cursor.execute(self._first, (limit + 1,)).fetchall()
        else:
            rows = cursor.execute(self._after, (*msgspec.json.decode(after), limit + 1)).fetchall()
        following = None
        if len(rows) > limit:
            rows.pop()
            following = _encode((rows[-1][7], rows[-1][0])).decode()
        return [form.item_of(row) for row in rows], following

    def stream(self) -> Iterator[Item]:
        for row in self.connections.here.execute(self._all):
            yield form.item_of(row)

    def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        for item in self.stream():
            count, last = count + 1, item
        return count, last

    def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        now = form.now_text()
        added = form.new_item_row(new, now)
        with Writing(self.connections.here) as connection:
            connection.execute(self.insert, added)
            row = self._replace(connection, edited, now)
            connection.execute(self.delete_sql, (added[0],))
        return form.item_of(row)

    def bulk_create(self, items: list[Item]) -> list[Item]:
        now = form.now_text()
        rows = [form.new_item_row(item, now) for item in items]
        with Writing(self.connections.here) as connection:
            connection.executemany(self.insert, rows)
        return [form.item_of(row) for row in rows]

    def bulk_update(self, items: list[Item]) -> list[Item]:
        now = form.now_text()
        ids = _encode([item.id for item in items]).decode()
        rows: list[Row] = []
        updates: dict[tuple[int, ...], list[Row]] = {}
        with Writing(self.connections.here) as connection:
            stored = {row[1]: row for row in connection.execute(self.many_for_update, (ids,))}
            for item in items:
                old = _found(stored.get(item.id), item.id)
                row = form.item_row(item, old[1], old[8], now)
                changed = _difference(old, row)
                updates.setdefault(changed, []).append((*[row[at] for at in changed], old[0]))
                rows.append(row)
            for changed, values in updates.items():
                connection.executemany(self.update_of(changed), values)
        return [form.item_of(row) for row in rows]


class Articles(Table):
    """The articles, with the index of their words in step."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections, "articles", form.ARTICLE_COLUMNS)
        self._gone = "DELETE FROM articles WHERE id IN (SELECT value FROM json_each(?)) RETURNING seq"
        self._add_lengths = 'INSERT INTO "articles$lengths" (seq, l0, l1) VALUES (?, ?, ?)'
        self._add_words = 'INSERT INTO "articles$search" (rowid, c0, c1) VALUES (?, ?, ?)'
        self._set_lengths = 'UPDATE "articles$lengths" SET l0 = ?, l1 = ? WHERE seq = ?'
        self._set_words = 'UPDATE "articles$search" SET c0 = ?, c1 = ? WHERE rowid = ?'
        self._totals = 'SELECT totals("articles$search") FROM "articles$search" LIMIT 1'
        self._frequency = 'SELECT count(*) FROM "articles$search" WHERE "articles$search" MATCH ?'
        self._scored = (
            'SELECT count(*) FROM "articles$search" AS f CROSS JOIN "articles$lengths" AS l ON l.seq = f.rowid '
            'WHERE f."articles$search" MATCH ? AND visit(f."articles$search", ?, 3 * l.l0 + l.l1)'
        )
        self._rows = (
            f"SELECT seq, {form.ARTICLE_COLUMNS} FROM articles WHERE seq IN (SELECT value FROM json_each(?))"
        )

    def entity(self, fields: Fields) -> Article:
        return Article(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Article:
        return Article(**{**fields, **changes})

    def get(self, entity_id: str) -> Article | None:
        row = self.connections.cursor.execute(self.get_sql, (entity_id,)).get
        return None if row is None else form.article_of(row)

    def create(self, article: Article) -> Article:
        return self.bulk_create([article])[0]

    def bulk_create(self, articles: list[Article]) -> list[Article]:
        now = form.now_text()
        rows = [form.new_article_row(article, now) for article in articles]
        words = [form.words_of(row[1], row[2]) for row in rows]
        with Writing(self.connections.here) as connection:
            for row, (l0, l1, c0, c1) in zip(rows, words, strict=True):
                connection.execute(self.insert, row)
                seq = connection.last_insert_rowid()
                connection.execute(self._add_lengths, (seq, l0, l1))
                connection.execute(self._add_words, (seq, c0, c1))
        return [form.article_of(row) for row in rows]

    def update(self, article: Article) -> Article:
        now = form.now_text()
        with Writing(self.connections.here) as connection:
            old = _found(connection.execute(self.for_update, (article.id,)).get, article.id)
            row = form.article_row(article, old[1], old[5], now)
            changed = _difference(old, row)
            connection.execute(self.update_of(changed), (*[row[at] for at in changed], old[0]))
            if old[2] != row[1] or old[3] != row[2]:
                l0, l1, c0, c1 = form.words_of(row[1], row[2])
                connection.execute(self._set_lengths, (l0, l1, old[0]))
                connection.execute(self._set_words, (c0, c1, old[0]))
        return form.article_of(row)

    def delete_many(self, ids: list[str]) -> None:
        with Writing(self.connections.here) as connection:
            gone = connection.execute(self._gone, (_encode(ids).decode(),)).fetchall()
            connection.executemany('DELETE FROM "articles$lengths" WHERE seq = ?', gone)
            connection.executemany('DELETE FROM "articles$search" WHERE rowid = ?', gone)

    def search(self, text: str) -> list[Article]:
        words = [f'"{word}"' for word in dict.fromkeys(tokens(text))]
        connection = self.connections.here
        connection.execute("BEGIN")
        try:
            totals = connection.execute(self._totals).get
            if totals is None or not words:
                return []
            length, documents = totals >> 31, totals & 0x7FFF_FFFF
            average = average_length(length, documents)
            factors = [
                word_factor(documents, connection.execute(self._frequency, (word,)).get, average)
                for word in words
            ]
            best: list[tuple[int, int]] = []
            score = apsw.pyobject(_scorer(factors, average, best))
            connection.execute(self._scored, (" AND ".join(words), score)).fetchall()
            # Ids break ties, so everything that scores like the last of the page is looked up.
            best.sort(reverse=True)
            least = best[19][0] if len(best) > 20 else -math.inf
            scores = {seq: score for score, seq in best if score >= least}
            found = connection.execute(self._rows, (_encode(list(scores)).decode(),)).fetchall()
        finally:
            connection.execute("COMMIT")
        found.sort(key=lambda row: (-scores[row[0]], row[1]))
        return [form.article_of(row[1:]) for row in found[:20]]


def _scorer(factors: list[int], average: int, best: list[tuple[int, int]]) -> Callable[[Any, int], bool]:
    """Scores a match by the library's definition of relevance and keeps it while it is among the best."""
    ten, three = 10 * average, 3 * average
    numbered = tuple(enumerate(factors))
    least, full = -1, 512

    def score_one(api: Any, length: int) -> bool:
        nonlocal least, full
        base, score = three + 9 * length, 0
        for number, factor in numbered:
            title, body = api.phrase_locations(number)
            weight = min(3 * len(title) + len(body), 1023)
            score += factor * weight // (ten * weight + base)
        if score >= least:
            best.append((score, api.rowid))
            if len(best) >= full:
                least = heapq.nlargest(20, best)[-1][0]
                best[:] = [hit for hit in best if hit[0] >= least]
                full = 2 * max(256, len(best))
        return True

    return score_one


class Candidate:
    """Everything by hand."""

    def __init__(self, place: str) -> None:
        self.connections = Connections(path_of(place))
        for statement in form.TABLES + form.SEARCHABLE_TABLES:
            self.connections.here.execute(statement)
        self.items = Items(self.connections)
        self.articles = Articles(self.connections)

    def close(self) -> None:
        self.connections.here.close()
