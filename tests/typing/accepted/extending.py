"""What others build on: layers, repositories of their own, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from torematrix.core.storage import ConflictError, Layer, Repository, Storage, StorageError
from torematrix.core.storage.core._sync.layers import Proceed
from torematrix.core.storage.query.operations import Operation


@dataclass
class Note:
    title: str
    id: str | None = None


class Counting(Layer):
    def __init__(self) -> None:
        self.seen = 0

    def run(self, operation: Operation, proceed: Proceed) -> Any:
        self.seen += 1
        return proceed(operation)


class Notebook:
    """Takes any repository of notes, whatever is behind it."""

    def __init__(self, notes: Repository[Note]) -> None:
        self.notes = notes

    def first(self) -> Note:
        found = self.notes.find_one()
        return self.notes.create(Note("first")) if found is None else found


def failures(error: StorageError) -> None:
    assert_type(error.retryable, bool)
    assert_type(error.backend, str | None)
    if isinstance(error, ConflictError):
        assert_type(error, ConflictError)


def main() -> None:
    counting = Counting()
    with Storage.open("memory://", layers=[counting]) as storage:
        assert_type(Notebook(storage.repository(Note)).first(), Note)
    assert counting.seen == 2
