"""What a step of a program gives, and when two engines gave the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec

from ...errors import ConflictError, InvalidEntityError, StorageError

__all__ = ["Failure", "Outcome", "failure_of", "same"]


class Failure(msgspec.Struct, frozen=True):
    """An error, as far as engines have to agree on it: everything but the text of its message.

    Attributes:
        name: its class.
        leaked: whether it is none of the library's own.
        retryable, operation, collection: as the error has them.
        path: where in an entity the refused value stands.
        conflict: the id, the expected and the stored revision of a conflict.
        cause: the class of the library's own error that it follows from, such as what doomed a transaction.
        backend: None where it names no engine but the one it comes from.
        message: its text, to be shown; it is not compared.
    """

    name: str
    leaked: bool = False
    retryable: bool | None = None
    operation: str | None = None
    collection: str | None = None
    path: str | None = None
    conflict: tuple[str | None, int | None, int | None] | None = None
    cause: str | None = None
    backend: str | None = None
    message: str = ""


def failure_of(error: Exception, backend: str) -> Failure:
    """What there is to compare of an error that came from this backend."""
    name = type(error).__name__
    if not isinstance(error, StorageError):
        return Failure(name, leaked=True, message=str(error))
    conflict = None
    if isinstance(error, ConflictError):
        conflict = (error.entity_id, error.expected, error.stored)
    cause = error.__cause__
    return Failure(
        name,
        retryable=error.retryable,
        operation=error.operation,
        collection=error.collection,
        path=error.path if isinstance(error, InvalidEntityError) else None,
        conflict=conflict,
        cause=type(cause).__name__ if isinstance(cause, StorageError) else None,
        backend=None if error.backend in (None, backend) else error.backend,
        message=str(error),
    )


class Outcome(msgspec.Struct, frozen=True):
    """What one step gave.

    Attributes:
        place: where in the program the step stands, such as ``3`` or ``3.1`` for the second step of a scope.
        kind: the method, or ``transaction``.
        value: the result, or a Failure.
    """

    place: str
    kind: str
    value: Any


_COMPARED: Final = (
    "name",
    "leaked",
    "retryable",
    "operation",
    "collection",
    "path",
    "conflict",
    "cause",
    "backend",
)
_AS_THEY_ARE: Final = frozenset(
    (str, int, bool, bytes, type(None), dt.date, dt.time, dt.timedelta, UUID, float, complex)
)


def class_of(value: object) -> type[object]:
    """The class of the value itself."""
    return type(value)


def same(left: Any, right: Any) -> bool:
    """Whether two results are the same: of the same types all through, and no different in any digit.

    The order of the keys of a dict and of the members of a set is the only thing that does not count.
    """
    kind = class_of(left)
    if kind is not class_of(right):
        return False
    if kind in _AS_THEY_ARE:
        return repr(left) == repr(right) if kind is float else bool(left == right)
    compares = _COMPARERS.get(kind)
    if compares is not None:
        return bool(compares(left, right))
    read = _reader(kind)
    if read is None:
        return bool(left == right)
    return _same_items(read(left), read(right))


def _same_items(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(map(same, left, right))


def _same_mapping(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> bool:
    if len(left) != len(right):
        return False
    for key, value in left.items():
        if key not in right or not same(value, right[key]):
            return False
    return _key_types(left) == _key_types(right)


def _key_types(value: Mapping[Any, Any]) -> set[tuple[type, Any]]:
    return {(type(key), key) for key in value}


def _same_set(left: frozenset[Any], right: frozenset[Any]) -> bool:
    return {(type(item), item) for item in left} == {(type(item), item) for item in right}


def _same_decimal(left: Decimal, right: Decimal) -> bool:
    return left.as_tuple() == right.as_tuple()


def _same_datetime(left: dt.datetime, right: dt.datetime) -> bool:
    return left == right and left.tzinfo == right.tzinfo and left.fold == right.fold


def _same_failure(left: Failure, right: Failure) -> bool:
    return all(getattr(left, name) == getattr(right, name) for name in _COMPARED)


_COMPARERS: Final[dict[type, Any]] = {
    list: _same_items,
    tuple: _same_items,
    dict: _same_mapping,
    set: _same_set,
    frozenset: _same_set,
    Decimal: _same_decimal,
    dt.datetime: _same_datetime,
    Failure: _same_failure,
}


_readers: Final[dict[type[object], Callable[[Any], tuple[Any, ...]] | None]] = {}


def _reader(kind: type[object]) -> Callable[[Any], tuple[Any, ...]] | None:
    if kind not in _readers:
        _readers[kind] = _make_reader(kind)
    return _readers[kind]


def _make_reader(kind: type[object]) -> Callable[[Any], tuple[Any, ...]] | None:
    """What reads every value of an instance, as a tuple; None where the class says nothing of its values."""
    if issubclass(kind, msgspec.Struct):
        names: tuple[str, ...] = kind.__struct_fields__
    elif is_dataclass(kind):
        names = tuple(field.name for field in fields(kind))
    else:
        return None
    if len(names) > 1:
        return attrgetter(*names)

    def read(value: Any) -> tuple[Any, ...]:
        return tuple(getattr(value, name) for name in names)

    return read
