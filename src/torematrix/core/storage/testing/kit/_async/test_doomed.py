"""What dooms a transaction, what does not, and which isolations there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from torematrix.core.storage import (
    ConflictError,
    DuplicateError,
    Feature,
    InvalidEntityError,
    InvalidQueryError,
    Isolation,
    NotFoundError,
    QueryFilter,
    StorageError,
    TransactionError,
)

from ....face._async.repository import AsyncStorageRepository
from ..._async.harness import AsyncKit
from ...needs import needs
from ..entities import Account, Plain

pytestmark = needs(Feature.TRANSACTIONS)

Accounts = AsyncStorageRepository[Account]
Work = Callable[[Accounts], Awaitable[object]]

DOOMING: Final[list[tuple[str, type[StorageError], Work]]] = [
    ("create", DuplicateError, lambda accounts: accounts.create(Account(id="a"))),
    ("create-unique", DuplicateError, lambda accounts: accounts.create(Account("a@x"))),
    ("upsert-unique", DuplicateError, lambda accounts: accounts.upsert(Account("a@x", id="new"))),
    ("patch-unique", DuplicateError, lambda accounts: accounts.patch("b", email="a@x")),
    ("bulk_create", DuplicateError, lambda accounts: accounts.bulk_create([Account(), Account(id="a")])),
    ("update", ConflictError, lambda accounts: accounts.update(Account("a@x", 9, id="a", revision=7))),
    ("patch", ConflictError, lambda accounts: accounts.patch("a", balance=9, revision=7)),
    ("upsert", ConflictError, lambda accounts: accounts.upsert(Account("a@x", 9, id="a", revision=7))),
    (
        "bulk_update",
        ConflictError,
        lambda accounts: accounts.bulk_update([Account(id="b", revision=1), Account(id="a", revision=7)]),
    ),
]

HARMLESS: Final[list[tuple[str, type[StorageError], Work]]] = [
    ("update", NotFoundError, lambda accounts: accounts.update(Account(id="nobody", revision=1))),
    ("patch", NotFoundError, lambda accounts: accounts.patch("nobody", balance=1)),
    (
        "bulk_update",
        NotFoundError,
        lambda accounts: accounts.bulk_update(
            [Account("c", id="b", revision=1), Account(id="c", revision=1)]
        ),
    ),
    ("entity", InvalidEntityError, lambda accounts: accounts.create(Account("a\0"))),
    ("values", InvalidEntityError, lambda accounts: accounts.patch("a", balance=2**64)),
    ("filter", InvalidQueryError, lambda accounts: accounts.count([QueryFilter("nothing", "eq", 1)])),
    ("sort", InvalidQueryError, lambda accounts: accounts.list(sort_by="nothing")),
]


async def _accounts(kit: AsyncKit) -> Accounts:
    accounts = await kit.repository(Account)
    await kit.store(accounts, [Account("a@x", 1, id="a"), Account("b@x", 2, id="b")])
    return accounts


# ------------------------------------------------------------------------------------------------------------- doomed


@pytest.mark.parametrize(("kind", "fails"), [row[1:] for row in DOOMING], ids=[row[0] for row in DOOMING])
async def test_a_swallowed_failure_dooms(kit: AsyncKit, kind: type[StorageError], fails: Work) -> None:
    """After a failed write nothing more is possible, even if its error is caught: leaving raises TransactionError."""
    accounts = await _accounts(kit)
    before = await accounts.list()
    failures: list[StorageError] = []
    later: list[Callable[[], Awaitable[object]]] = [
        lambda: accounts.create(Account(id="c")),
        lambda: accounts.delete("b"),
        lambda: accounts.get("a"),
        accounts.list,
        accounts.count,
    ]

    async def swallow() -> None:
        async with kit.storage.transaction():
            await accounts.patch("b", balance=100)
            with pytest.raises(kind) as caught:
                await fails(accounts)
            failures.append(caught.value)
            for refused in later:
                with pytest.raises(TransactionError) as told:
                    await refused()
                assert told.value.__cause__ is caught.value

    with pytest.raises(TransactionError) as caught:
        await swallow()
    assert caught.value.__cause__ is failures[0]
    assert caught.value.backend == kit.storage.backend
    assert await accounts.list() == before


@pytest.mark.parametrize(("kind", "fails"), [row[1:] for row in DOOMING], ids=[row[0] for row in DOOMING])
async def test_a_failure_that_leaves_is_itself(kit: AsyncKit, kind: type[StorageError], fails: Work) -> None:
    """An error that leaves the scope comes through as it is, and everything is undone."""
    accounts = await _accounts(kit)
    before = await accounts.list()

    async def fail() -> None:
        async with kit.storage.transaction():
            await accounts.patch("b", balance=100)
            await fails(accounts)

    with pytest.raises(kind):
        await fail()
    assert await accounts.list() == before
    assert (await accounts.patch("b", balance=3)).balance == 3


@pytest.mark.parametrize(("kind", "fails"), [row[1:] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
async def test_what_changed_nothing_does_not_doom(
    kit: AsyncKit, kind: type[StorageError], fails: Work
) -> None:
    """NotFoundError and refused arguments changed nothing: the transaction goes on and commits."""
    accounts = await _accounts(kit)
    async with kit.storage.transaction():
        await accounts.patch("b", balance=100)
        with pytest.raises(kind):
            await fails(accounts)
        await accounts.create(Account("c@x", id="c"))
    kept = await accounts.list()
    assert [(account.email, account.balance) for account in kept] == [("a@x", 1), ("b@x", 100), ("c@x", 0)]


@needs(Feature.SERIALIZABLE, Feature.NESTED_TRANSACTIONS)
async def test_serializable_scopes(kit: AsyncKit) -> None:
    """A serializable scope works like any other, nests in itself, and not in one that is less."""
    repository = await kit.repository(Plain)
    async with kit.storage.transaction(isolation=Isolation.SERIALIZABLE):
        await repository.create(Plain(1, "a"))
        async with kit.storage.transaction():
            await repository.create(Plain(2, "b"))
        async with kit.storage.transaction(isolation=Isolation.SERIALIZABLE):
            await repository.create(Plain(3, "c"))
    assert await repository.count() == 3
    async with kit.storage.transaction():
        with pytest.raises(TransactionError):
            await kit.storage.transaction(isolation=Isolation.SERIALIZABLE).__aenter__()
        await repository.create(Plain(4, "d"))
    assert await repository.count() == 4


async def test_the_isolation_is_one_there_is(kit: AsyncKit) -> None:
    """Isolations may be named by their values; what is none raises InvalidQueryError before anything begins."""
    repository = await kit.repository(Plain)
    by_name: Any = "snapshot"
    async with kit.storage.transaction(isolation=by_name), repository.transaction(isolation=by_name):
        await repository.create(Plain(1, "a"))
    wrong: tuple[Any, ...] = ("dirty", "SNAPSHOT", "", None, 1, ["snapshot"])
    for isolation in wrong:
        with pytest.raises(InvalidQueryError):
            kit.storage.transaction(isolation=isolation)
        with pytest.raises(InvalidQueryError):
            repository.transaction(isolation=isolation)
    assert await repository.count() == 1


@needs(Feature.NESTED_TRANSACTIONS)
async def test_a_storage_that_is_closed_inside_a_scope(kit: AsyncKit) -> None:
    """Closing a storage rolls back what the caller has open there, and leaving that says so."""
    for nested in (False, True):
        storage = await kit.fresh()
        plain = storage.repository(Plain, "closed_inside")
        await plain.create(Plain(1))
        with pytest.raises(TransactionError):
            async with storage.transaction():
                if nested:
                    async with storage.transaction():
                        await plain.create(Plain(2))
                        await storage.close()
                else:
                    await plain.create(Plain(2))
                    await storage.close()
        with pytest.raises(StorageError):
            await plain.count()
