"""The floor of the asynchronous rows: PyMongo's AsyncMongoClient by hand, otherwise as the synchronous one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from entities import Article, Fields, Item
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession

from torematrix.core.storage.query.text import tokens

from . import _articles as text
from . import _form as form
from ._form import Document

R = TypeVar("R")


class Base:
    """Commands on the client's connections."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        self._client = client
        self._database = client.get_default_database()
        self._command: Any = self._database.command
        self._collection = self._database.get_collection(
            name, read_concern=form.READING, write_concern=form.WRITING
        )

    async def _write(self, command: Document, session: AsyncClientSession | None = None) -> Document:
        if session is None:
            command["writeConcern"] = form.WRITE
        return form.checked(await self._command(command, session=session))

    async def _together(self, work: Callable[[AsyncClientSession], Awaitable[R]]) -> R:
        async with self._client.start_session(default_transaction_options=form.TRANSACTION) as session:
            return await session.with_transaction(work)


class Items(Base):
    """The items."""

    def entity(self, fields: Fields) -> Item:
        return Item(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Item:
        return Item(**{**fields, **changes})

    async def get(self, entity_id: str) -> Item | None:
        found = form.batch(await self._command(form.get(entity_id)))
        return form.item_of(found[0]) if found else None

    async def create(self, item: Item) -> Item:
        moment, now = form.now()
        document = form.new_document(item, now)
        await self._collection.insert_one(document)
        return form.created(item, document, moment)

    async def update(self, item: Item) -> Item:
        moment, now = form.now()
        change = {"$set": form.changes(item, now)}
        if item.created_at is not None:  # it was read before: then the quicker way is enough
            same = {"_id": item.id, "created_at": form.text_of(item.created_at)}
            if (await self._collection.update_one(same, change)).matched_count:
                return form.updated(item, item.created_at, moment)
        found = await self._collection.find_one_and_update({"_id": item.id}, change, projection=form.TIME)
        if found is None:
            raise KeyError(item.id)
        return form.updated(item, form.moment_of(found["created_at"]), moment)

    async def delete(self, entity_id: str) -> bool:
        return (await self._collection.delete_one({"_id": entity_id})).deleted_count > 0

    async def delete_many(self, ids: list[str]) -> None:
        await self._write(form.delete_many(ids))

    async def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        moment, now = form.now()
        document = form.new_document(new, now)

        async def work(session: AsyncClientSession) -> Any:
            await self._write(form.insert(document), session)
            found = (await self._write(form.replace(edited, now), session))["value"]
            if found is None:
                raise KeyError(edited.id)
            await self._write(form.delete(document["_id"]), session)
            return found["created_at"]

        return form.updated(edited, form.moment_of(await self._together(work)), moment)

    async def list(self, status: str) -> list[Item]:
        return [form.item_of(document) for document in form.batch(await self._command(form.listed(status)))]

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        *documents, last = form.batch(await self._command(form.page(*asked)))
        return [form.item_of(document) for document in documents], last["n"]

    async def count_indexed(self, status: str) -> int:
        return (await self._command(form.count({"status": status})))["n"]  # type: ignore[no-any-return]

    async def count_scanned(self, least: int) -> int:
        return (await self._command(form.count({"size": {"$gte": least}})))["n"]  # type: ignore[no-any-return]

    async def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        return form.cut(form.batch(await self._command(form.cursor_page(after, limit))), limit)

    async def stream(self) -> AsyncIterator[Item]:
        async with self._collection.find(sort=[("_id", 1)], batch_size=form.BATCH) as cursor:
            async for document in cursor:
                yield form.item_of(document)

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async for item in self.stream():
            count, last = count + 1, item
        return count, last

    async def bulk_create(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        documents = [form.new_document(item, now) for item in items]
        await self._together(lambda session: self._collection.insert_many(documents, session=session))
        return [form.created(item, document, moment) for item, document in zip(items, documents, strict=True)]

    async def bulk_update(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        command = form.replace_many(items, now)

        async def work(session: AsyncClientSession) -> dict[str, str]:
            times = form.created_times([item.id for item in items])
            found = form.batch(await self._command(times, session=session))
            created = {document["_id"]: document["created_at"] for document in found}
            if len(created) != len(items):
                raise KeyError(next(item.id for item in items if item.id not in created))
            await self._write(command, session)
            return created

        created = await self._together(work)
        return [form.updated(item, form.moment_of(created[str(item.id)]), moment) for item in items]


class Articles(Base):
    """The articles, with their words."""

    _gathered = 0

    def entity(self, fields: Fields) -> Article:
        return Article(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Article:
        return Article(**{**fields, **changes})

    async def create(self, article: Article) -> Article:
        moment, now = form.now()
        document = text.new_document(article, now)

        async def work(session: AsyncClientSession) -> None:
            await self._write({"insert": "articles", "documents": [document]}, session)
            await self._write(text.part(1, *document["%w"]["l"]), session)

        await self._together(work)
        await self._tend()
        return text.created(article, document, moment)

    async def update(self, article: Article) -> Article:
        moment, now = form.now()
        words = text.words_of(article.title, article.body)

        async def work(session: AsyncClientSession) -> Any:
            found = (await self._write(text.replace(article, now, words), session))["value"]
            if found is None:
                raise KeyError(article.id)
            (old, former), (new, latter) = found["%w"]["l"], words["l"]
            if (old, former) != (new, latter):
                await self._write(text.part(0, new - old, latter - former), session)
            return found["created_at"]

        created = await self._together(work)
        await self._tend()
        return text.updated(article, created, moment)

    async def bulk_create(self, articles: list[Article]) -> list[Article]:
        moment, now = form.now()
        documents = [text.new_document(article, now) for article in articles]
        lengths = [document["%w"]["l"] for document in documents]
        sums = [sum(each[at] for each in lengths) for at in (0, 1)]

        async def work(session: AsyncClientSession) -> None:
            await self._collection.insert_many(documents, session=session)
            await self._write(text.part(len(documents), *sums), session)

        await self._together(work)
        await self._tend()
        return [
            text.created(article, document, moment)
            for article, document in zip(articles, documents, strict=True)
        ]

    async def delete_many(self, ids: list[str]) -> None:

        async def work(session: AsyncClientSession) -> None:
            found = form.batch(await self._command(text.lengths_of(ids), session=session))
            sums = (-sum(each["%w"]["l"][at] for each in found) for at in (0, 1))
            await self._write(text.delete_many(ids), session)
            await self._write(text.part(-len(found), *sums), session)

        await self._together(work)
        await self._tend()

    async def _tend(self) -> None:
        self._gathered += 1
        if self._gathered < text.GATHERED:
            return
        self._gathered = 0

        async def work(session: AsyncClientSession) -> None:
            for command in text.folded(form.batch(await self._command(text.parts(), session=session))):
                await self._write(command, session)

        await self._together(work)

    async def search(self, query: str) -> list[Article]:
        words = list(dict.fromkeys(tokens(query)))
        if not words:
            return []
        asked = text.page(await self._command(text.statistics(words)), words)
        return (
            []
            if asked is None
            else [text.article_of(each) for each in form.batch(await self._command(asked))]
        )


class Candidate:
    """Everything by hand."""

    items_class = Items

    def __init__(self, client: AsyncMongoClient[Document]) -> None:
        self.client = client
        self.items = self.items_class(client, "items")
        self.articles = Articles(client, "articles")

    @classmethod
    async def open(cls, place: str) -> Candidate:
        client: AsyncMongoClient[Document] = AsyncMongoClient(place)
        for command in (form.indexes(), *text.creations()):
            await client.get_default_database().command(command)
        return cls(client)

    async def close(self) -> None:
        await self.client.close()
