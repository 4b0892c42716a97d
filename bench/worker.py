"""The process of one candidate: it loads the data, answers what the check asks, and runs turns of an operation.

Messages come through a pipe: a name and its arguments, each answered by one value or by the exception that was raised.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import random
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from time import perf_counter_ns
from typing import Any

from check import answers
from entities import Fields, articles, items
from operations import GUARANTEES, OPERATIONS, Operation

_BATCH = 5_000
_BY_NAME = {operation.name: operation for operation in (*OPERATIONS, *GUARANTEES)}


class Stage:
    """A candidate and its data."""

    def __init__(self, module: str, place: str, size: int) -> None:
        self._runner = asyncio.Runner()
        candidate: Any = importlib.import_module(f"candidates.{module}").Candidate
        make = getattr(candidate, "open", candidate)
        self.candidate = self.call(make, place)
        self.colour = "async" if inspect.iscoroutinefunction(make) else "sync"
        self.items: list[Fields] = list(items(size, stored=True))
        self.guarded = self.items
        self.articles: list[Fields] = list(articles(size, stored=True))
        for name in ("items", "guarded", "articles"):
            self._load(name)
        gc.collect()
        gc.freeze()

    def _load(self, name: str) -> None:
        store = self.store(name)
        entities: list[Fields] = getattr(self, name)
        for start in range(0, len(entities) if store is not None else 0, _BATCH):
            self.added(name, [store.entity(fields) for fields in entities[start : start + _BATCH]])

    def added(self, name: str, entities: list[Any]) -> list[Any]:
        store = self.store(name)
        # Who cannot create many entities all or nothing has ``load`` in its place, which is not measured.
        made: list[Any] = self.call(getattr(store, "load", None) or store.bulk_create, entities)
        return made

    def store(self, name: str) -> Any:
        return getattr(self.candidate, name, None)

    def call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        result = method(*arguments)
        return self._runner.run(_awaited(result)) if inspect.isawaitable(result) else result

    def offers(self) -> set[str]:
        """The operations that this candidate has a method for."""
        return {
            operation.name
            for operation in _BY_NAME.values()
            if hasattr(self.store(operation.store), operation.method)
            and (self.colour == "async" or operation.tasks == 1)
        }

    def turn(self, name: str, calls: int, seed: int) -> int:
        """Run an operation so many times: the nanoseconds that took."""
        operation = _BY_NAME[name]
        store = self.store(operation.store)
        arguments = operation.arguments(self, random.Random(seed), calls)
        method = getattr(store, operation.method)
        if not operation.writes:
            self.call(method, arguments[0])  # the first read after a write finds its pages changed
        gc.collect()
        if self.colour == "async":
            taken, results = self._runner.run(_timed_tasks(method, arguments, operation))
        else:
            taken, results = _timed(method, arguments, operation)
        if operation.created:
            made = results if operation.created == "one" else [entity for many in results for entity in many]
            self.call(store.delete_many, [entity.id for entity in made])
        return taken

    def edited(self, name: str, calls: int, seed: int) -> list[tuple[Any, ...]]:
        """What is stored now of what a turn of that seed has edited."""
        operation = _BY_NAME[name]
        store = self.store(operation.store)
        given = operation.arguments(self, random.Random(seed), calls)
        ids = [each.id for many in given for each in (many if isinstance(many, list) else [many])]
        stored = [self.call(store.get, each) for each in ids]
        return [(each.id, each.title, each.size, each.tags) for each in stored]

    def answers(self) -> dict[str, Any]:
        """What the check compares."""
        return answers(self)

    def close(self) -> None:
        self.call(self.candidate.close)
        self._runner.close()


async def _awaited(result: Any) -> Any:
    return await result


def _timed(
    method: Callable[[Any], Any], arguments: Sequence[Any], operation: Operation
) -> tuple[int, list[Any]]:
    if operation.created:
        begun = perf_counter_ns()
        results = [method(argument) for argument in arguments]
        return perf_counter_ns() - begun, results
    begun = perf_counter_ns()
    for argument in arguments:
        method(argument)
    return perf_counter_ns() - begun, []


async def _timed_tasks(
    method: Callable[[Any], Any], arguments: Sequence[Any], operation: Operation
) -> tuple[int, list[Any]]:
    results: list[Any] = []

    async def each(mine: Sequence[Any]) -> None:
        for argument in mine:
            result = await method(argument)
            if operation.created:
                results.append(result)

    tasks = operation.tasks
    begun = perf_counter_ns()
    if tasks == 1:
        await each(arguments)
    else:
        await asyncio.gather(*[each(arguments[task::tasks]) for task in range(tasks)])
    return perf_counter_ns() - begun, results


def serve(connection: Connection, module: str, place: str, size: int) -> None:
    """Do what comes through the pipe until it is closed."""
    try:
        stage = Stage(module, place, size)
        connection.send(stage.offers())
        while (message := connection.recv()) is not None:
            name, *arguments = message
            connection.send(getattr(stage, name)(*arguments))
        stage.close()
    except EOFError:
        return
    except BaseException as error:  # noqa: BLE001 - the other process raises it
        connection.send(RuntimeError(f"{module}: {error!r}\n{traceback.format_exc()}"))
