"""Filters and sort keys as they are written on the command line. Text only: nothing is ever evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ..query.filters import Operator, QueryFilter, SortOrder, parse_operator
from .opening import Stored
from .outcome import CommandError, ExitCode

__all__ = ["filters_of", "parse_filter", "sorts_of"]

# A path ends at a space or at an operator; a key that holds one is written ["like this"].
_FILTER = re.compile(
    r"""\s*(?P<path>(?:\[(?:"(?:[^"\\]|\\.)*"|\d+|\*)\]|[^\s=!<>\["])+)
    (?:\s*(?P<sign>==|!=|>=|<=|=|>|<)\s*|\s+(?P<word>[A-Za-z_]+)(?:\s+|$))
    (?P<value>.*)""",
    re.DOTALL | re.VERBOSE,
)
_FLAGS = (Operator.IS_NULL, Operator.EXISTS)
_LISTS = (Operator.IN, Operator.NOT_IN, Operator.BETWEEN)
_TEXTS = (Operator.LIKE, Operator.ILIKE, Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.REGEX)
_NUMBERS = ("int", "float", "bool", "timedelta", "bigint")
_LIST: type[Any] = list  # which leaves a checked value what it is to the type checkers: Any
_SORT = re.compile(r"(?P<minus>-?)(?P<path>.+?)(?:\s+(?P<order>asc|desc))?", re.DOTALL)


def filters_of(texts: Iterable[str] | None, stored: Stored) -> list[QueryFilter]:
    """The filters these texts mean for the collection."""
    return [parse_filter(text, stored) for text in texts or ()]


def parse_filter(text: str, stored: Stored) -> QueryFilter:
    """One filter: ``status==active``, ``size >= 1000``, ``tags contains x``, ``kind in a,b``, ``deleted is_null``.

    Raises:
        CommandError: it is none.
    """
    found = _FILTER.fullmatch(text)
    if found is None:
        raise CommandError(
            f"--filter {text!r}: write FIELD OPERATOR VALUE, such as 'status==active' or 'tags contains x'; "
            f"the operators are == != > >= < <= {' '.join(item.value for item in Operator)}",
            ExitCode.USAGE,
        )
    path, sign, word, value = found.group("path", "sign", "word", "value")
    operator = parse_operator("==" if sign == "=" else sign or word)
    value = value.strip()
    if operator in _FLAGS:
        return QueryFilter(path, operator, _flag(text, value))
    if not value:
        raise CommandError(f'--filter {text!r}: a value is missing; write "" for empty text', ExitCode.USAGE)
    kind = stored.kind(path)
    if operator in _LISTS:
        return QueryFilter(path, operator, _list(value, kind))
    return QueryFilter(path, operator, _value(value, "str" if operator in _TEXTS else kind))


def _flag(text: str, value: str) -> bool:
    if value not in ("", "true", "false"):
        raise CommandError(
            f"--filter {text!r}: this operator takes true, false, or nothing for true", ExitCode.USAGE
        )
    return value != "false"


def _value(text: str, kind: str | None) -> Any:
    """The JSON value or, where it is none, the text; a bare number given to a field of text is its text."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text
    if kind is not None and kind not in _NUMBERS and isinstance(value, int | float | bool):
        return text
    return value


def _list(text: str, kind: str | None) -> list[Any]:
    """A JSON list, or values between commas."""
    if text.startswith("["):
        values = _value(text, None)
        if isinstance(values, _LIST):
            return list(values)
    return [_value(part.strip(), kind) for part in text.split(",")]


def sorts_of(texts: Iterable[str] | None) -> list[str | tuple[str, SortOrder]] | None:
    """The sort keys these texts mean: ``size``, ``-size``, ``size desc``; None for the order by id."""
    keys: list[str | tuple[str, SortOrder]] = []
    for text in texts or ():
        found = _SORT.fullmatch(text.strip())
        if found is None:
            raise CommandError(f"--sort {text!r}: write a field, or -FIELD for descending", ExitCode.USAGE)
        descending = bool(found["minus"]) != (found["order"] == "desc")
        keys.append((found["path"], SortOrder.DESC if descending else SortOrder.ASC))
    return keys or None
