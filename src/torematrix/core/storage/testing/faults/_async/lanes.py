"""A client that writes one step after the other, and writes down what it sets out to do and what it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any

from ....errors import StorageError
from ....face._async.storage import AsyncStorage
from ..checker import Found, Stored
from ..entities import ACCOUNTS, BULK, LEFTS, OPENING, RECEIPTS, RIGHTS, Account, Paper, Record, text_of
from ..steps import ACKNOWLEDGED, Ledger, Outcome, Put, Step, Transfer
from ..telling import token_of, told_by

__all__ = ["AsyncBooks", "AsyncLane"]


class AsyncBooks:
    """The repositories of the workload on one storage.

    Args:
        storage: where everything is.
    """

    def __init__(self, storage: AsyncStorage) -> None:
        self.storage = storage
        self.lefts = storage.repository(Record, LEFTS, searchable=())
        self.rights = storage.repository(Paper, RIGHTS)
        self.receipts = storage.repository(Record, RECEIPTS, searchable=())
        self.accounts = storage.repository(Account, ACCOUNTS)

    def collection(self, name: str) -> Any:
        """The repository of a collection of records."""
        return {LEFTS: self.lefts, RIGHTS: self.rights, RECEIPTS: self.receipts}[name]

    async def set_up(self, accounts: int) -> dict[str, int]:
        """Make the collections and the accounts; the opening balances."""
        await self.storage.ready()
        opening = {f"account-{number}": OPENING for number in range(accounts)}
        await self.accounts.bulk_create([Account(cents, name) for name, cents in opening.items()])
        return opening

    async def stored(self) -> Stored:
        """Everything that is stored, and whether counts and searches agree with it."""
        records: list[Found] = []
        for name in (LEFTS, RIGHTS, RECEIPTS):
            listed: list[Any] = await self.collection(name).list()
            for each in listed:
                size = len(each.text)
                put = Put(name, each.id, each.version, size)
                records.append(Found(put, each.text == text_of(each.id, each.version, size)))
        accounts: list[Account] = await self.accounts.list()
        return Stored(records, [(account.id, account.cents) for account in accounts])


class AsyncLane:
    """One after the other: creates, changes, deletes, bulk writes, transactions over two collections, and transfers.

    Args:
        books: where it writes.
        ledger: where it writes down.
        name: of the lane, used by no other one ever.
        random: what chooses.
        accounts: the names of the accounts, which all lanes share.
        bulk: the most records that a bulk write makes.
    """

    def __init__(
        self,
        books: AsyncBooks,
        ledger: Ledger,
        name: str,
        random: Random,
        accounts: list[str],
        bulk: int = BULK,
    ) -> None:
        self._books = books
        self._ledger = ledger
        self._name = name
        self._random = random
        self._accounts = accounts
        self._most = bulk
        self._number = 0
        self._live: dict[tuple[str, str], Put] = {}
        self._kinds: dict[str, tuple[Callable[[], Awaitable[None]], int]] = {
            "create": (self._create, 3),
            "upsert": (self._upsert, 1),
            "bulk_create": (self._bulk, 2),
            "transaction": (self._group, 4),
            "nested": (self._nested, 1),
            "update": (self._change, 1),
            "patch": (self._patch, 1),
            "bulk_update": (self._change_many, 1),
            "delete": (self._drop, 1),
            "transfer": (self._transfer, 3),
        }

    @property
    def kinds(self) -> list[str]:
        """What there is to do."""
        return list(self._kinds)

    async def step(self, kind: str) -> None:
        """Do one thing; nothing where there is nothing yet that could be changed."""
        await self._kinds[kind][0]()

    async def run(self, goes_on: Callable[[], bool]) -> None:
        """Take steps for as long as it is told to."""
        steps = [step for step, _ in self._kinds.values()]
        weights = [weight for _, weight in self._kinds.values()]
        while goes_on():
            await self._random.choices(steps, weights)[0]()

    # Steps -----------------------------------------------------------------------------------------------------

    def _new(self, collection: str, part: int = 0) -> Put:
        return Put(
            collection, f"{self._name}-{self._number}-{part}", 1, self._random.choice((20, 60, 300, 3000))
        )

    @staticmethod
    def _entity(put: Put, lane: str) -> Any:
        kind = Paper if put.collection == RIGHTS else Record
        return kind(lane, put.version, text_of(put.id, put.version, put.size), put.id)

    def _entities(self, puts: list[Put]) -> list[Any]:
        return [self._entity(put, self._name) for put in puts]

    def _begin(self, step: Step) -> None:
        # What the step is about is left alone from now on, unless it is told that it happened, or that it did not.
        for put in step.puts:
            self._live.pop(put.key, None)
        for key in step.gone:
            self._live.pop((key[0], key[1]), None)
        self._ledger.write(step)

    def _end(self, step: Step, error: StorageError | None, before: list[Put]) -> None:
        told = told_by(error)
        name, token = ("", "") if error is None else (type(error).__name__, token_of(error))
        self._ledger.write(Outcome(step.lane, step.number, told, name, token))
        if told == ACKNOWLEDGED:
            self._live.update({put.key: put for put in step.puts if put.collection != RECEIPTS})
        elif told == "refused":
            self._live.update({put.key: put for put in before})
        while len(self._live) > 200:
            self._live.pop(next(iter(self._live)))

    async def _take(
        self,
        kind: str,
        puts: list[Put],
        work: Any,
        before: list[Put] | None = None,
        gone: list[Put] | None = None,
    ) -> None:
        step = Step(self._name, self._number, kind, puts, [put.key for put in gone or ()])
        self._number += 1
        self._begin(step)
        try:
            await work()
        except StorageError as error:
            self._end(step, error, before or [])
        else:
            self._end(step, None, [])

    async def _create(self) -> None:
        put = self._new(self._random.choice((LEFTS, RIGHTS)))
        repository = self._books.collection(put.collection)
        await self._take("create", [put], lambda: repository.create(self._entity(put, self._name)))

    async def _upsert(self) -> None:
        put = self._new(LEFTS)
        await self._take("upsert", [put], lambda: self._books.lefts.upsert(self._entity(put, self._name)))

    async def _bulk(self) -> None:
        name = self._random.choice((LEFTS, RIGHTS))
        puts = [self._new(name, part) for part in range(self._random.randint(2, self._most))]
        await self._take(
            "bulk_create", puts, lambda: self._books.collection(name).bulk_create(self._entities(puts))
        )

    async def _group(self) -> None:
        """Records in both collections, and between them an inner scope that is given up."""
        lefts = [self._new(LEFTS, part) for part in range(2)]
        rights = [self._new(RIGHTS, part) for part in range(2, 5)]
        ghost = Record(self._name, 1, "ghost", f"ghost-{self._name}-{self._number}")
        nested = self._random.random() < 0.3
        books = self._books

        async def work() -> None:
            async with books.storage.transaction():
                await books.lefts.create(self._entity(lefts[0], self._name))
                if nested:
                    try:
                        async with books.storage.transaction():
                            await books.lefts.create(ghost)
                            raise _GivenUpError
                    except _GivenUpError:
                        pass
                await books.rights.bulk_create(self._entities(rights))
                await books.lefts.create(self._entity(lefts[1], self._name))

        await self._take("transaction", [*lefts, *rights], work)

    async def _nested(self) -> None:
        """Records of three scopes, one in the other; what a fourth has changed and made is given up."""
        first, second, third = self._new(LEFTS), self._new(RIGHTS, 1), self._new(RIGHTS, 2)
        held = self._some(2)
        ghost = Record(self._name, 1, "ghost", f"ghost-{self._name}-{self._number}")
        books = self._books

        async def work() -> None:
            async with books.storage.transaction():
                await books.lefts.create(self._entity(first, self._name))
                async with books.storage.transaction():
                    await books.rights.create(self._entity(second, self._name))
                    with suppress(_GivenUpError):
                        async with books.storage.transaction():
                            for put in self._newer(held):
                                await books.collection(put.collection).update(self._entity(put, self._name))
                            await books.lefts.create(ghost)
                            raise _GivenUpError
                await books.rights.create(self._entity(third, self._name))

        await self._take("nested", [first, second, third], work)

    def _some(self, most: int) -> list[Put]:
        """Some records of one collection that are known to be there."""
        name = self._random.choice((LEFTS, RIGHTS))
        there = [put for put in self._live.values() if put.collection == name]
        return self._random.sample(there, min(len(there), self._random.randrange(1, most + 1)))

    def _newer(self, puts: list[Put]) -> list[Put]:
        return [Put(put.collection, put.id, put.version + 1, self._random.choice((20, 300))) for put in puts]

    async def _change(self) -> None:
        held = self._some(1)
        if held:
            (put,) = self._newer(held)
            repository = self._books.collection(put.collection)
            await self._take("update", [put], lambda: repository.update(self._entity(put, self._name)), held)

    async def _patch(self) -> None:
        held = self._some(1)
        if held:
            (put,) = self._newer(held)
            repository = self._books.collection(put.collection)
            text = text_of(put.id, put.version, put.size)
            await self._take(
                "patch", [put], lambda: repository.patch(put.id, version=put.version, text=text), held
            )

    async def _change_many(self) -> None:
        held = self._some(6)
        if held:
            puts = self._newer(held)
            repository = self._books.collection(puts[0].collection)
            await self._take("bulk_update", puts, lambda: repository.bulk_update(self._entities(puts)), held)

    async def _drop(self) -> None:
        held = self._some(3)
        if len(held) == 1:
            repository = self._books.collection(held[0].collection)
            await self._take("delete", [], lambda: repository.delete(held[0].id), held, held)
        elif held:
            repository = self._books.collection(held[0].collection)
            ids = [put.id for put in held]
            await self._take("bulk_delete", [], lambda: repository.bulk_delete(ids), held, held)

    async def _transfer(self) -> None:
        giver, taker = self._random.sample(self._accounts, 2)
        cents = self._random.randrange(1, 100)
        put = self._new(RECEIPTS)
        step = Step(self._name, self._number, "transfer", [put], [], Transfer(giver, taker, cents))
        self._number += 1
        books = self._books

        async def move() -> None:
            first, second = await books.accounts.get(giver), await books.accounts.get(taker)
            assert first is not None
            assert second is not None
            first.cents -= cents
            second.cents += cents
            await books.accounts.bulk_update([first, second])
            await books.receipts.create(self._entity(put, self._name))

        self._begin(step)
        try:
            await books.storage.run_in_transaction(move)
        except StorageError as error:
            self._end(step, error, [])
        else:
            self._end(step, None, [])


class _GivenUpError(Exception):
    """Leaves an inner scope."""
