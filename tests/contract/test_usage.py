"""The usages that applications rely on, as they write them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from torematrix.core.storage import (
    AsyncMemoryRepository,
    AsyncMongoDBRepository,
    AsyncPostgreSQLRepository,
    AsyncSQLiteRepository,
    ConfigurationError,
    DuplicateError,
    MemoryRepository,
    MongoDBRepository,
    NotFoundError,
    PaginatedResult,
    Pagination,
    PostgreSQLRepository,
    QueryFilter,
    Repository,
    SortOrder,
    SQLiteConfig,
    SQLiteRepository,
    Storage,
    StorageBackend,
    StorageError,
    StorageFactory,
    TransactionError,
    create_async_repository_from_env,
    create_async_sqlite_repository,
    create_repository_from_env,
    create_sqlite_repository,
)
from torematrix.core.storage.face.registry import backend_named
from torematrix.core.storage.face.sources import config_from_dict


@dataclass
class Document:
    title: str
    content: str = ""
    status: str = "active"
    tags: list[str] = field(default_factory=list)
    id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


REPOSITORIES = {
    StorageBackend.SQLITE: (SQLiteRepository, AsyncSQLiteRepository),
    StorageBackend.POSTGRESQL: (PostgreSQLRepository, AsyncPostgreSQLRepository),
    StorageBackend.MONGODB: (MongoDBRepository, AsyncMongoDBRepository),
}


@pytest.fixture
def repo(engine: Any) -> Iterator[Repository[Document]]:
    made = StorageFactory.create_repository(
        backend=engine.backend, entity_class=Document, collection_name="documents", **engine.options
    )
    assert isinstance(made, REPOSITORIES[engine.backend][0])
    yield made
    made.engine.close()


def test_basic_usage(repo: Repository[Document]) -> None:
    """Create, list with a filter and a sort, and search."""
    doc = Document(title="My Document", content="An important keyword in document processing.")
    created = repo.create(doc)
    assert created.id
    assert created.created_at is not None
    assert created.created_at.tzinfo is not None
    assert created.updated_at == created.created_at
    active = repo.list(
        filters=[QueryFilter("status", "eq", "active")], sort_by="updated_at", sort_order=SortOrder.DESC
    )
    assert active == [created]
    assert repo.search("important keyword") == [created]
    assert (repo.entity_class, repo.collection_name) == (Document, "documents")


def test_filtering(repo: Repository[Document]) -> None:
    """Filters by keyword arguments, text for datetimes, and contains on a list."""
    repo.create(Document("a", tags=["important"], created_at=datetime(2024, 5, 1, tzinfo=UTC)))
    repo.create(Document("b", tags=["other"], created_at=datetime(2023, 5, 1, tzinfo=UTC)))
    filters = [
        QueryFilter(field="status", operator="eq", value="active"),
        QueryFilter(field="created_at", operator="gte", value="2024-01-01"),
        QueryFilter(field="tags", operator="contains", value="important"),
    ]
    assert [document.title for document in repo.list(filters=filters)] == ["a"]
    assert repo.count(filters) == 1


def test_pagination(repo: Repository[Document]) -> None:
    """A page knows its place."""
    repo.bulk_create([Document(f"d{number:03}") for number in range(120)])
    page = repo.list(
        pagination=Pagination(page=2, per_page=50), sort_by="created_at", sort_order=SortOrder.DESC
    )
    assert isinstance(page, PaginatedResult)
    assert (page.total, page.page, page.per_page, page.pages) == (120, 2, 50, 3)
    assert (page.has_next, page.has_prev, len(page.items)) == (True, True, 50)
    assert (Pagination(page=2, per_page=50).offset, Pagination(page=2, per_page=50).limit) == (50, 50)


def test_search_with_fields_and_pages(repo: Repository[Document]) -> None:
    """Search over named fields, page by page."""
    repo.create(Document("Document processing", "one"))
    repo.create(Document("Other", "processing of a document"))
    found = repo.search(
        query="document processing", fields=["title", "content"], pagination=Pagination(page=1, per_page=20)
    )
    assert found.total == 2
    assert len(repo.search("document processing", fields=["title"])) == 1


def test_bulk_operations(repo: Repository[Document]) -> None:
    """Bulk writes keep the order, happen whole, and count."""
    made = repo.bulk_create([Document("a"), Document("b")])
    assert [document.title for document in made] == ["a", "b"]
    for document in made:
        document.status = "done"
    assert [document.status for document in repo.bulk_update(made)] == ["done", "done"]
    assert repo.bulk_delete([str(made[0].id), "unknown"]) == 1
    assert repo.exists(str(made[1].id))
    assert repo.delete(str(made[1].id))
    assert not repo.delete(str(made[1].id))


def test_transactions(repo: Repository[Document]) -> None:
    """A block commits whole, or rolls back whole."""
    with repo.transaction():
        first = repo.create(Document("first"))
        repo.create(Document("second"))
        first.status = "published"
        repo.update(first)
    assert repo.count([QueryFilter("status", "eq", "published")]) == 1
    with pytest.raises(ZeroDivisionError), repo.transaction():  # noqa: PT012  # the block is what is tested
        repo.create(Document("third"))
        raise ZeroDivisionError
    assert repo.count() == 2


def test_errors(repo: Repository[Document]) -> None:
    """Each failure has its class, and each class is a StorageError."""
    made = repo.create(Document("a", id="same"))
    with pytest.raises(DuplicateError):
        repo.create(Document("b", id="same"))
    with pytest.raises(NotFoundError):
        repo.update(Document("c", id="unknown"))
    with pytest.raises(StorageError):
        repo.update(Document("no id"))
    assert repo.get("unknown") is None
    assert repo.get("") is None
    assert repo.get(None) is None  # type: ignore[arg-type]
    assert repo.get("same") == made
    assert issubclass(TransactionError, StorageError)


def test_configuration(tmp_path: Path) -> None:
    """From a dictionary, with defaults to look at; an unknown backend is both kinds of error."""
    repo = StorageFactory.create_from_config(
        config_dict={"backend": "sqlite", "database_path": str(tmp_path / "a.db")},
        entity_class=Document,
        collection_name="documents",
    )
    assert repo.create(Document("x")).id
    assert StorageFactory.get_default_config("sqlite")["backend"] == "sqlite"
    assert {"sqlite", "memory"} <= set(StorageFactory.get_available_backends())
    with pytest.raises(ConfigurationError) as caught:
        StorageFactory.create_from_config({"backend": "oracle"}, Document, "documents")
    assert isinstance(caught.value, StorageError)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(ConfigurationError, match="no option"):
        StorageFactory.create_repository(StorageBackend.SQLITE, Document, "documents", host="x")
    assert SQLiteConfig(database_path="x.db", cursor_key=b"k" * 32).__repr__().count("k" * 32) == 0


def test_configuration_of_every_engine(engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A dictionary, a URL, a file and the environment lead to the same database, and share one storage of it."""
    config = {"backend": engine.backend.value, **engine.options}
    first = StorageFactory.create_from_config(
        config_dict=config, entity_class=Document, collection_name="documents"
    )
    created = first.create(Document("x"))
    for name in [name for name in os.environ if name.startswith("TOREMATRIX_")]:
        monkeypatch.delenv(name)
    backend = backend_named(engine.backend)
    monkeypatch.setenv("TOREMATRIX_STORAGE_BACKEND", engine.backend)
    for option, value in engine.options.items():
        monkeypatch.setenv(backend.env.get(option, f"{backend.env_prefix}{option.upper()}"), str(value))
    (tmp_path / "app.json").write_text(json.dumps({"storage": config}))
    others = [
        StorageFactory.create_from_config({"url": engine.url}, Document, "documents"),
        StorageFactory.create_from_file(tmp_path / "app.json", Document, "documents", section="storage"),
        create_repository_from_env(Document, "documents"),
    ]
    for other in others:
        assert other.get(str(created.id)) == created
        assert other.engine is first.engine
    assert repr(Storage(config_from_dict(config))).startswith("<Storage ")
    first.engine.close()


def test_repositories_of_one_database_share_it(engine: Any) -> None:
    """A transaction on one repository covers another on the same database."""
    first, second = (
        StorageFactory.create_repository(engine.backend, Document, name, **engine.options)
        for name in ("first", "second")
    )
    with pytest.raises(KeyError), first.transaction():  # noqa: PT012  # the block is what is tested
        first.create(Document("a"))
        second.create(Document("b"))
        raise KeyError
    assert (first.count(), second.count()) == (0, 0)
    first.engine.close()


@pytest.mark.asyncio
async def test_every_engine_awaited(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The asynchronous siblings, with what the synchronous ones take."""
    repo = StorageFactory.create_async_repository(engine.backend, Document, "documents", **engine.options)
    assert isinstance(repo, REPOSITORIES[engine.backend][1])
    async with repo.transaction():
        made = await repo.bulk_create([Document("a", "one word"), Document("b", "another word")])
    monkeypatch.setenv("TOREMATRIX_STORAGE_URL", engine.url)
    monkeypatch.delenv("TOREMATRIX_STORAGE_BACKEND", raising=False)
    others = [
        StorageFactory.create_async_from_config(
            {"backend": engine.backend.value, **engine.options}, Document, "documents"
        ),
        create_async_repository_from_env(Document, "documents"),
    ]
    for other in others:
        assert other.engine is repo.engine
        assert await other.list(sort_by="title") == made
        assert [found.title for found in await other.search("another")] == ["b"]
    await repo.engine.close()


def test_in_memory_for_tests() -> None:
    """Each repository in memory has a database of its own."""
    test_repo = create_sqlite_repository(
        entity_class=Document, collection_name="test_entities", database_path=":memory:"
    )
    test_repo.create(Document("x"))
    assert create_sqlite_repository(Document, "test_entities").count() == 0
    assert isinstance(StorageFactory.create_repository("memory", Document, "d"), MemoryRepository)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment names backend and file; what is missing is said."""
    monkeypatch.delenv("TOREMATRIX_DATABASE_PATH", raising=False)
    with pytest.raises(ConfigurationError, match="TOREMATRIX_DATABASE_PATH"):
        create_repository_from_env(Document, "documents")
    monkeypatch.setenv("TOREMATRIX_STORAGE_BACKEND", "sqlite")
    monkeypatch.setenv("TOREMATRIX_DATABASE_PATH", str(tmp_path / "env.db"))
    create_repository_from_env(Document, "documents").create(Document("x"))
    assert (tmp_path / "env.db").exists()


@pytest.mark.asyncio
async def test_the_asynchronous_siblings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same, awaited."""
    monkeypatch.setenv("TOREMATRIX_DATABASE_PATH", str(tmp_path / "env.db"))
    assert isinstance(create_async_sqlite_repository(Document, "documents"), AsyncSQLiteRepository)
    assert isinstance(StorageFactory.create_async_repository("memory", Document, "d"), AsyncMemoryRepository)
    makers: list[Callable[[], object]] = [
        lambda: create_async_repository_from_env(Document, "documents"),
        lambda: create_async_sqlite_repository(Document, "documents", str(tmp_path / "b.db")),
        lambda: StorageFactory.create_async_from_config({"backend": "memory"}, Document, "documents"),
        lambda: StorageFactory.create_async_repository("sqlite", Document, "documents"),
    ]
    for make in makers:
        repo = make()
        made = await repo.create(Document("x"))  # type: ignore[attr-defined]
        assert await repo.get(made.id) == made  # type: ignore[attr-defined]
        await repo.engine.close()  # type: ignore[attr-defined]
