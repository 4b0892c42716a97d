"""Programs as JSON, for people to read and for tests to run again.

What JSON has is written as it is: strings, ints, bools, None, lists, and dicts with keys of text. Everything else is an
object whose one key says what it is: ``{"@Decimal": "1.00"}``, ``{"@set": [1, 2]}``, ``{"@Sample": {"id": "a"}}``. Of
entities, what is as their class makes it is left out.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from ...query.aggregates import Avg, Count, Max, Min, Sum
from ...query.filters import (
    AllOf,
    AnyOf,
    CursorPage,
    Negation,
    PaginatedResult,
    Pagination,
    QueryFilter,
    SearchHit,
    SortOrder,
)
from ..entities import Colour, Item, Level, Maker, Part, Sample
from .family import Older, Reading
from .outcomes import Failure, same
from .steps import Call, Edit, Program, Scope, Streamed

__all__ = ["program_from_json", "program_to_json", "shown"]

_CLASSES: Final[dict[str, type[Any]]] = {
    cls.__name__: cls
    for cls in (
        *(Sample, Part, Item, Maker, Reading, Older, Colour, Level, SortOrder),
        *(Program, Call, Edit, Scope, Streamed, Pagination),
        *(QueryFilter, AllOf, AnyOf, Negation, Avg, Count, Max, Min, Sum),
        *(Failure, PaginatedResult, CursorPage, SearchHit),
    )
}
_WRITERS: Final[dict[type, Callable[[Any], Any]]] = {
    float: repr,
    Decimal: str,
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: lambda value: value // dt.timedelta(microseconds=1),
    UUID: str,
    bytes: bytes.hex,
    type: lambda value: value.__name__,
}
_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "float": float,
    "Decimal": Decimal,
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": lambda text: dt.timedelta(microseconds=text),
    "UUID": UUID,
    "bytes": bytes.fromhex,
    "type": lambda _: object,
}


def program_to_json(program: Program) -> str:
    """The program as indented text."""
    return json.dumps(_written(program), indent=1, ensure_ascii=True) + "\n"


def program_from_json(text: str) -> Program:
    """The program that was written so."""
    program = _read(json.loads(text))
    if not isinstance(program, Program):
        raise TypeError("the text is no program")
    return program


def shown(value: Any) -> str:
    """A result in few words, for people: what is as its class makes it is left out."""
    try:
        return json.dumps(_written(value), ensure_ascii=False)
    except TypeError:
        return repr(value)


def _written(value: Any) -> Any:
    kind = cast("type[object]", type(value))
    if value is None or kind in (str, int, bool):
        return value
    if kind is list:
        return [_written(item) for item in value]
    if kind is dict:
        return _written_dict(value)
    name = kind.__name__
    if isinstance(value, enum.Enum):
        return {f"@{name}": value.name}
    if kind in _WRITERS:
        return {f"@{name}": _WRITERS[kind](value)}
    if kind in (tuple, set, frozenset):
        items = sorted(value, key=repr) if kind is not tuple else value
        return {f"@{name}": [_written(item) for item in items]}
    if name not in _CLASSES:
        raise TypeError(f"a program holds no {name}")
    return {f"@{name}": {key: _written(item) for key, item in _changed(value)}}


def _written_dict(value: dict[Any, Any]) -> Any:
    plain = all(type(key) is str and not key.startswith("@") for key in value)
    if plain:
        return {key: _written(item) for key, item in value.items()}
    return {"@dict": [[_written(key), _written(item)] for key, item in value.items()]}


def _changed(value: Any) -> list[tuple[str, Any]]:
    """The attributes that are not as the class alone makes them."""
    given: list[tuple[str, Any, Any, Any]]
    if is_dataclass(value):
        given = [(item.name, item.default, item.default_factory, MISSING) for item in fields(value)]
    else:
        given = [
            (item.name, item.default, item.default_factory, msgspec.NODEFAULT)
            for item in msgspec.structs.fields(value)
        ]
    changed: list[tuple[str, Any]] = []
    for name, default, factory, nothing in given:
        held = getattr(value, name)
        made: Any = default if factory is nothing else factory()
        if made is nothing or not same(held, made):
            changed.append((name, held))
    return changed


def _read(value: Any) -> Any:
    if isinstance(value, list):
        items = cast("list[Any]", value)  # type: ignore[redundant-cast]  # pyright knows no item
        return [_read(item) for item in items]
    if not isinstance(value, dict):
        return value
    given = cast("dict[str, Any]", value)
    name = next(iter(given), "")
    if not name.startswith("@"):
        return {key: _read(item) for key, item in given.items()}
    name, content = name[1:], given[name]
    if name in _READERS:
        return _READERS[name](content)
    if name == "dict":
        return {_read(key): _read(item) for key, item in content}
    if name in ("tuple", "set", "frozenset"):
        make: Callable[[Any], Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}[name]
        return make([_read(item) for item in content])
    cls = _CLASSES[name]
    if issubclass(cls, enum.Enum):
        return cls[content]
    return cls(**{key: _read(item) for key, item in content.items()})
