"""Databases as a driver holds them: a configuration and a pool, without collections declared by classes."""

import contextlib
import json

import apsw
import pytest

from torematrix.core.storage.backends.sqlite.config import SQLiteConfig
from torematrix.core.storage.backends.sqlite.connection import connect
from torematrix.core.storage.backends.sqlite.plan import META
from torematrix.core.storage.backends.sqlite.pool import SQLitePool
from torematrix.core.storage.backends.sqlite.quoting import quote_name
from torematrix.core.storage.backends.sqlite.search_index import derived_name


def search_table(collection):
    return quote_name(derived_name(collection, "search"))


def lengths_table(collection):
    return quote_name(derived_name(collection, "lengths"))


class OpenDatabase:
    """What administration needs of a driver, and a few rows to look at."""

    def __init__(self, **options):
        self.config = SQLiteConfig(**options)
        self.pool = SQLitePool(self.config)
        self.pool.start(connect(self.config, writer=True))

    def execute(self, statement, parameters=()):
        with self.pool.writing(None) as connection:
            return connection.execute(statement, parameters).fetchall()

    def query(self, statement):
        with self.pool.reading(None) as connection:
            return connection.execute(statement).fetchall()

    def close(self):
        """Leave one file, which a test may then look at or spoil."""
        if not self.pool.closed:
            with contextlib.suppress(apsw.Error):  # a test may have spoiled it already
                self.pool.take_writer().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self.pool.give_back(None, writes=True)
            self.pool.close()

    def create(self, collection="notes", rows=0, size=300):
        """A collection with an index and a search index, as the library lays them out."""
        with self.pool.writing(None) as connection:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {META} "
                "(scope TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (scope, key)) "
                "STRICT, WITHOUT ROWID"
            )
            schema = json.dumps({"fields": {"amount": "int"}})
            connection.execute(f"INSERT INTO {META} VALUES ('collection', ?, ?)", (collection, schema))
            connection.execute(
                f"CREATE TABLE {collection} (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, amount INTEGER, "
                "data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data))) STRICT"
            )
            connection.execute(f"CREATE INDEX {collection}_amount ON {collection} (amount, id)")
            connection.execute(
                f"CREATE VIRTUAL TABLE {search_table(collection)} "
                "USING fts5(c0, content='', contentless_delete=1)"
            )
            connection.execute(
                f"CREATE TABLE {lengths_table(collection)} (seq INTEGER PRIMARY KEY, l0 INTEGER)"
            )
        self.add(collection, rows, size)
        return self

    def add(self, collection, rows, size=300):
        document = json.dumps({"text": "x" * size})
        with self.pool.writing(None) as connection:
            first = connection.execute(f"SELECT coalesce(max(seq), 0) + 1 FROM {collection}").fetchall()[0][0]
            numbers = range(first, first + rows)
            connection.executemany(
                f"INSERT INTO {collection} VALUES (?, ?, ?, ?)",
                ((number, f"n{number}", number % 7, document) for number in numbers),
            )
            connection.executemany(
                f"INSERT INTO {search_table(collection)} (rowid, c0) VALUES (?, ?)",
                ((number, f"word{number} common") for number in numbers),
            )
            connection.executemany(
                f"INSERT INTO {lengths_table(collection)} VALUES (?, 2)", ((number,) for number in numbers)
            )

    def delete(self, collection="notes", where="TRUE"):
        """Delete rows, and what makes them findable, as the library does."""
        chosen = f"(SELECT seq FROM {collection} WHERE {where})"
        with self.pool.writing(None) as connection:
            connection.execute(f"DELETE FROM {search_table(collection)} WHERE rowid IN {chosen}")
            connection.execute(f"DELETE FROM {lengths_table(collection)} WHERE seq IN {chosen}")
            connection.execute(f"DELETE FROM {collection} WHERE {where}")


@pytest.fixture
def open_database(tmp_path):
    """Opens databases, by default at ``app.db`` in the test's folder; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def open_one(path=None, **options):
            path = str(tmp_path / "app.db") if path is None else str(path)
            database = OpenDatabase(database_path=path, **options)
            stack.callback(database.close)
            return database

        yield open_one
