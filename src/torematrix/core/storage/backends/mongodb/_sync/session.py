# generated from _async/session.py by tools/generate_twins.py: do not edit
"""A transaction: a session of the client, marks to return to, and a commit whose outcome is known."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from pymongo import timeout
from pymongo.errors import PyMongoError

from ...._overriding import override
from ....core._sync.port import Session
from ....errors import CommitUnknown, StorageError, TransactionError
from ..errors import COMMIT_UNKNOWN, NO_SUCH_TRANSACTION
from ..names import ID
from ..options import transaction_concern, write_concern
from ..outcomes import token_of
from ..texts import TextIndexes
from ..words import NOTHING, Totals
from .server import Finish, Server
from .totals import Sums

__all__ = ["MongoSession"]

_COMMITS: Final = 3
"""So many times a commit is repeated whose answer was lost; PyMongo repeats each of them once itself."""


class MongoSession(Session):
    """A transaction.

    MongoDB has no savepoints. While a mark is open, what a write is about to change is read first, in the transaction,
    and going back to the mark puts it back, the last change first.

    Attributes:
        sums: keeps the sums of searchable collections.
        pending: what this transaction adds to them; stored when it commits.
        broken: the server's error in it: any of them has ended the transaction there.
        session: PyMongo's session.
        guesses: whether sizes of messages may be guessed, since all of it can be done once more if one is too large.
    """

    def __init__(self, server: Server, finish: Finish, sums: Sums) -> None:
        self.server = server
        self.sums = sums
        self.pending: dict[TextIndexes, Totals] = {}
        self.broken: BaseException | None = None
        self.guesses = False
        self.session: Any = server.session()
        self._finish = finish
        self._marks: list[tuple[str, int, dict[TextIndexes, Totals]]] = []
        self._count = 0
        self._undo: list[tuple[str, str, dict[str, Any] | None]] = []
        self._ended = False

    def begin(self) -> None:
        """Begin; the snapshot is taken by the first operation."""
        self.session.start_transaction(
            read_concern=transaction_concern(self.server.config),
            write_concern=write_concern(self.server.config),
        )

    def start(self) -> None:
        """Begin, and read once: the snapshot is taken now, and not when somebody first asks for something."""
        self.begin()
        try:
            self._finish(self._first_read, self.interrupt)
        except PyMongoError as error:
            self.rollback()
            raise self.server.failed(error, "transaction", None) from error
        except BaseException:
            self.rollback()
            raise

    def _first_read(self) -> None:
        self.server.read({"find": "torematrix_meta", "filter": {ID: ""}, "limit": 1}, self.session)

    def interrupt(self) -> None:
        """End what the server does for this session, and its transaction."""
        self.server.end(self.session)

    # Marks -----------------------------------------------------------------------------------------------------

    @property
    def has_marks(self) -> bool:
        """Whether what is about to be changed has to be remembered."""
        return bool(self._marks)

    def adds(self, texts: TextIndexes | None, document: dict[str, Any], times: int = 1) -> None:
        """Count a document, or at least its ``%w.l``, that was stored so many times; -1 where it is there no more."""
        totals = None if texts is None else texts.totals(document)
        if texts is not None and totals is not None:
            self.pending[texts] = self.pending.get(texts, NOTHING).plus(totals, times)

    def remember(self, collection: str, documents: dict[str, dict[str, Any] | None]) -> None:
        """Note the documents, by id, that a write is about to change; None for one that is not there."""
        self._undo.extend((collection, identity, document) for identity, document in documents.items())

    @override
    def savepoint(self) -> str:
        self._check_open()
        self._count += 1
        name = f"mark_{self._count}"
        self._marks.append((name, len(self._undo), dict(self.pending)))
        return name

    @override
    def release(self, savepoint: str) -> None:
        self._check_open()
        at = self._position(savepoint)
        del self._marks[at:]
        if not self._marks:
            self._undo.clear()

    @override
    def rollback_to(self, savepoint: str) -> None:
        self._check_open()
        at = self._position(savepoint)
        try:
            self._finish(partial(self._undo_to, self._marks[at][1]), self.interrupt)
        except PyMongoError as error:
            raise self.server.failed(error, "transaction", None) from error
        self.pending = self._marks[at][2]
        del self._marks[at:]

    def _position(self, savepoint: str) -> int:
        for at, (name, _, _) in enumerate(self._marks):
            if name == savepoint:
                return at
        raise self._error("the mark is not one of this transaction")

    def _undo_to(self, length: int) -> None:
        while len(self._undo) > length:
            collection, identity, document = self._undo[-1]
            matching = {"q": {ID: identity}}
            if document is None:
                command = {"delete": collection, "deletes": [{**matching, "limit": 1}]}
            else:
                command = {"update": collection, "updates": [{**matching, "u": document, "upsert": True}]}
            self.server.write(command, self.session)
            self._undo.pop()

    # The end ---------------------------------------------------------------------------------------------------

    @override
    def commit(self) -> None:
        self._check_open()
        if self.broken is not None:
            self.rollback()
            raise TransactionError(
                "the transaction was rolled back: an operation in it had failed",
                backend="mongodb",
                operation="transaction",
            ) from self.broken
        try:
            if self.pending:
                self._finish(partial(self.sums.note, self.session, self.pending), self.interrupt)
            self._finish(self._commit, None)
        except PyMongoError as error:
            raise self.server.failed(error, "transaction", None) from error
        finally:
            self._finish(self._end, None)
        if self.pending:
            self.sums.tend()

    def _commit(self) -> None:
        for _ in range(_COMMITS):
            try:
                with timeout(self.server.deadline):
                    self.session.commit_transaction()
            except PyMongoError as error:
                if not error.has_error_label(COMMIT_UNKNOWN):
                    raise
            else:
                return
        # No answer came. Once the session is ended on the server nothing can change any more: to a last commit the
        # server answers that it has committed, or that there is no such transaction.
        self.interrupt()
        try:
            with timeout(self.server.deadline):
                self.session.commit_transaction()
        except PyMongoError as error:
            if getattr(error, "code", None) == NO_SUCH_TRANSACTION:
                raise
            raise CommitUnknown(
                "the connection was lost during the commit, and the server could not be asked what came of it: ask "
                "later with storage.commit_outcome(error.token), or look before doing it again",
                token=token_of(self.session),
                backend="mongodb",
                operation="transaction",
            ) from error

    @override
    def rollback(self) -> None:
        if not self._ended:
            self._finish(self._end, None)

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        try:
            if self.session.in_transaction:
                with timeout(self.server.deadline):
                    self.session.abort_transaction()
        except PyMongoError:
            pass  # a server that cannot be told ends it by itself
        finally:
            self.session.end_session()

    def _check_open(self) -> None:
        if self._ended:
            raise self._error("the transaction has ended")

    def _error(self, message: str) -> StorageError:
        return StorageError(message, backend="mongodb", operation="transaction")
