"""The floor of the synchronous rows: PyMongo by hand, as somebody would ship it who knows it well.

One client with its pool. Single writes go by the helpers, since PyMongo repeats those alone when a connection is lost;
readings are commands, which are quicker. Everything of several documents happens in a transaction, begun again where
the server says so, and a page and its total are of one snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pymongo
from entities import Article, Fields, Item
from pymongo import MongoClient
from pymongo.client_session import ClientSession

from torematrix.core.storage.query.text import tokens

from . import _articles as text
from . import _form as form
from ._form import Document

R = TypeVar("R")


class Base:
    """Commands on the client's connections."""

    def __init__(self, client: MongoClient[Document], name: str) -> None:
        self._client = client
        self._database = client.get_default_database()
        self._command: Any = self._database.command
        self._collection = self._database.get_collection(
            name, read_concern=form.READING, write_concern=form.WRITING
        )

    def _write(self, command: Document, session: ClientSession | None = None) -> Document:
        if session is None:
            command["writeConcern"] = form.WRITE
        return form.checked(self._command(command, session=session))

    def _together(self, work: Callable[[ClientSession], R]) -> R:
        with self._client.start_session(default_transaction_options=form.TRANSACTION) as session:
            return session.with_transaction(work)


class Items(Base):
    """The items."""

    def entity(self, fields: Fields) -> Item:
        return Item(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Item:
        return Item(**{**fields, **changes})

    def get(self, entity_id: str) -> Item | None:
        found = form.batch(self._command(form.get(entity_id)))
        return form.item_of(found[0]) if found else None

    def create(self, item: Item) -> Item:
        moment, now = form.now()
        document = form.new_document(item, now)
        self._collection.insert_one(document)
        return form.created(item, document, moment)

    def update(self, item: Item) -> Item:
        moment, now = form.now()
        change = {"$set": form.changes(item, now)}
        if item.created_at is not None:  # it was read before: then the quicker way is enough
            same = {"_id": item.id, "created_at": form.text_of(item.created_at)}
            if (self._collection.update_one(same, change)).matched_count:
                return form.updated(item, item.created_at, moment)
        found = self._collection.find_one_and_update({"_id": item.id}, change, projection=form.TIME)
        if found is None:
            raise KeyError(item.id)
        return form.updated(item, form.moment_of(found["created_at"]), moment)

    def delete(self, entity_id: str) -> bool:
        return (self._collection.delete_one({"_id": entity_id})).deleted_count > 0

    def delete_many(self, ids: list[str]) -> None:
        self._write(form.delete_many(ids))

    def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        moment, now = form.now()
        document = form.new_document(new, now)

        def work(session: ClientSession) -> Any:
            self._write(form.insert(document), session)
            found = (self._write(form.replace(edited, now), session))["value"]
            if found is None:
                raise KeyError(edited.id)
            self._write(form.delete(document["_id"]), session)
            return found["created_at"]

        return form.updated(edited, form.moment_of(self._together(work)), moment)

    def list(self, status: str) -> list[Item]:
        return [form.item_of(document) for document in form.batch(self._command(form.listed(status)))]

    def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        *documents, last = form.batch(self._command(form.page(*asked)))
        return [form.item_of(document) for document in documents], last["n"]

    def count_indexed(self, status: str) -> int:
        return self._command(form.count({"status": status}))["n"]  # type: ignore[no-any-return]

    def count_scanned(self, least: int) -> int:
        return self._command(form.count({"size": {"$gte": least}}))["n"]  # type: ignore[no-any-return]

    def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        return form.cut(form.batch(self._command(form.cursor_page(after, limit))), limit)

    def stream(self) -> Iterator[Item]:
        with self._collection.find(sort=[("_id", 1)], batch_size=form.BATCH) as cursor:
            for document in cursor:
                yield form.item_of(document)

    def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        for item in self.stream():
            count, last = count + 1, item
        return count, last

    def bulk_create(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        documents = [form.new_document(item, now) for item in items]
        self._together(lambda session: self._collection.insert_many(documents, session=session))
        return [form.created(item, document, moment) for item, document in zip(items, documents, strict=True)]

    def bulk_update(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        command = form.replace_many(items, now)

        def work(session: ClientSession) -> dict[str, str]:
            times = form.created_times([item.id for item in items])
            found = form.batch(self._command(times, session=session))
            created = {document["_id"]: document["created_at"] for document in found}
            if len(created) != len(items):
                raise KeyError(next(item.id for item in items if item.id not in created))
            self._write(command, session)
            return created

        created = self._together(work)
        return [form.updated(item, form.moment_of(created[str(item.id)]), moment) for item in items]


class Articles(Base):
    """The articles, with their words."""

    _gathered = 0

    def entity(self, fields: Fields) -> Article:
        return Article(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Article:
        return Article(**{**fields, **changes})

    def create(self, article: Article) -> Article:
        moment, now = form.now()
        document = text.new_document(article, now)

        def work(session: ClientSession) -> None:
            self._write({"insert": "articles", "documents": [document]}, session)
            self._write(text.part(1, *document["%w"]["l"]), session)

        self._together(work)
        self._tend()
        return text.created(article, document, moment)

    def update(self, article: Article) -> Article:
        moment, now = form.now()
        words = text.words_of(article.title, article.body)

        def work(session: ClientSession) -> Any:
            found = self._write(text.replace(article, now, words), session)["value"]
            if found is None:
                raise KeyError(article.id)
            (old, former), (new, latter) = found["%w"]["l"], words["l"]
            if (old, former) != (new, latter):
                self._write(text.part(0, new - old, latter - former), session)
            return found["created_at"]

        created = self._together(work)
        self._tend()
        return text.updated(article, created, moment)

    def bulk_create(self, articles: list[Article]) -> list[Article]:
        moment, now = form.now()
        documents = [text.new_document(article, now) for article in articles]
        lengths = [document["%w"]["l"] for document in documents]
        sums = [sum(each[at] for each in lengths) for at in (0, 1)]

        def work(session: ClientSession) -> None:
            self._collection.insert_many(documents, session=session)
            self._write(text.part(len(documents), *sums), session)

        self._together(work)
        self._tend()
        return [
            text.created(article, document, moment)
            for article, document in zip(articles, documents, strict=True)
        ]

    def delete_many(self, ids: list[str]) -> None:

        def work(session: ClientSession) -> None:
            found = form.batch(self._command(text.lengths_of(ids), session=session))
            sums = (-sum(each["%w"]["l"][at] for each in found) for at in (0, 1))
            self._write(text.delete_many(ids), session)
            self._write(text.part(-len(found), *sums), session)

        self._together(work)
        self._tend()

    def _tend(self) -> None:
        self._gathered += 1
        if self._gathered < text.GATHERED:
            return
        self._gathered = 0

        def work(session: ClientSession) -> None:
            for command in text.folded(form.batch(self._command(text.parts(), session=session))):
                self._write(command, session)

        self._together(work)

    def search(self, query: str) -> list[Article]:
        words = list(dict.fromkeys(tokens(query)))
        if not words:
            return []
        asked = text.page(self._command(text.statistics(words)), words)
        return [] if asked is None else [text.article_of(each) for each in form.batch(self._command(asked))]


class Candidate:
    """Everything by hand."""

    items_class = Items

    def __init__(self, place: str) -> None:
        self.client: MongoClient[Document] = pymongo.MongoClient(place)
        for command in (form.indexes(), *text.creations()):
            self.client.get_default_database().command(command)
        self.items = self.items_class(self.client, "items")
        self.articles = Articles(self.client, "articles")

    def close(self) -> None:
        self.client.close()
