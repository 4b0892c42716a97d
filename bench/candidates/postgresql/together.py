"""The floor with transactions of many updates, and with what the library begins a transaction with."""

from __future__ import annotations

from collections.abc import Iterable

from entities import Item
from psycopg import RawCursor

from torematrix.core.storage.backends.postgresql._sync.session import begin_statement
from torematrix.core.storage.core.options import TransactionOptions

from . import _form as form
from . import floor
from ._form import Row

_NUMBERED = begin_statement(TransactionOptions())
_UNNUMBERED = begin_statement(TransactionOptions(read_only=True)).replace(" READ ONLY", "")


class Items(floor.Items):
    """The items."""

    def many_together(self, items: Iterable[Item]) -> None:
        with self.transaction() as cursor:
            self._update(cursor, items)

    def many_unnumbered(self, items: Iterable[Item]) -> None:
        self._begun(_UNNUMBERED, items)

    def many_numbered(self, items: Iterable[Item]) -> None:
        self._begun(_NUMBERED, items)

    def _begun(self, begin: str, items: Iterable[Item]) -> None:
        connection = self._pool.getconn()
        try:
            cursor = connection.kept
            cursor.execute(begin, prepare=False, binary=False)
            self._update(cursor, items)
            cursor.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
        finally:
            self._pool.putconn(connection)

    @staticmethod
    def _update(cursor: RawCursor[Row], items: Iterable[Item]) -> None:
        _, now = form.now()
        for item in items:
            if cursor.execute(form.UPDATE, form.item_values(item, now)).fetchone() is None:
                raise KeyError(item.id)


class Candidate(floor.Candidate):
    """Everything by hand."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.items = Items(self.pool)
        del self.articles
