"""Configuration files: TOML, JSON and YAML, read into plain data.

A file that cannot be read is told by its line and column, never by what stands there: that may be a password.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, cast

from ..errors import ConfigurationError

__all__ = ["read_config_file"]

_LARGEST: Final = 1024 * 1024
_MOST_NODES: Final = 100_000
_NUMBER: Final = "it holds a number that is too long, or a date that is none"
_PLACE: Final = re.compile(r"\(at line (\d+), column (\d+)\)\Z")


class _MalformedError(Exception):
    """The text is not of the file's format; the message says where."""


def read_config_file(path: str, section: str | None) -> dict[str, Any]:
    """The table that a configuration file holds, or one of its sections.

    Raises:
        ConfigurationError: the file is not there, not of its format, or has no such table.
    """
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 - a path of str is all this takes
    found = _PARSERS.get(ending)
    if found is None:
        raise ConfigurationError(f"a configuration file's name ends in {', '.join(_PARSERS)}")
    name, parse = found
    try:
        data = parse(_text_of(path))
    except _MalformedError as error:
        raise ConfigurationError(f"{path!r} is not {name}: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{path!r} is nested too deeply") from None
    at: Any = data
    for key in section.split(".") if section else ():
        at = cast("dict[str, Any]", at).get(key) if isinstance(at, dict) else None
    if not isinstance(at, dict):
        where = f" has no table {section!r}" if section else " does not hold a table of options"
        raise ConfigurationError(f"{path!r}{where}")
    table = cast("dict[object, Any]", at)
    if not all(isinstance(key, str) for key in table):
        raise ConfigurationError(f"{path!r}: an option's name is text")
    return cast("dict[str, Any]", table)


def _text_of(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - read no further than the limit, whatever the file is
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be one of a file"
        raise ConfigurationError(f"the configuration file {path!r} cannot be read: {reason}") from None
    if len(content) > _LARGEST:
        raise ConfigurationError(f"{path!r} is no configuration: it is larger than 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path!r} is not UTF-8") from None


def _toml(text: str) -> Any:
    import tomllib  # imported when used, as the readers of the other forms are

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        raise _MalformedError(
            f"see line {place[1]}, column {place[2]}" if place else "it ends too early"
        ) from None
    except ValueError:
        raise _MalformedError(_NUMBER) from None


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise _MalformedError(f"see line {error.lineno}, column {error.colno}") from None
    except ValueError:
        raise _MalformedError(_NUMBER) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise _MalformedError("a name stands twice in one table")
    return table


def _yaml(text: str) -> Any:
    try:
        yaml: Any = import_module("yaml")
    except ImportError as error:
        raise ConfigurationError(
            "a YAML file needs the package 'pyyaml'; install it with: pip install 'torematrix-storage[yaml]'"
        ) from error
    try:
        if _weight(yaml.compose(text, Loader=yaml.SafeLoader), {}) > _MOST_NODES:
            raise _MalformedError("its aliases stand for too much")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _MalformedError(
            f"see line {mark.line + 1}, column {mark.column + 1}"
            if mark
            else "it holds a forbidden character"
        ) from None
    except (
        ValueError,
        OverflowError,
        TypeError,
    ):  # of a scalar that looks like a date or a number, and is none
        raise _MalformedError("a value is neither text nor a number: put it in quotes") from None


def _weight(node: Any, known: dict[int, int]) -> int:
    """How many nodes there are, those behind an alias counted each time: what merging them may cost.

    YAML's own loader lets the last of two equal names win, which is refused here.
    """
    if node is None or not isinstance(node.value, list):
        return 1
    if id(node) in known:
        if not known[id(node)]:
            raise _MalformedError("a value holds itself")
        return known[id(node)]
    known[id(node)] = 0
    weight, names = 1, set[str]()
    for child in cast("list[object]", node.value):
        value = child
        if isinstance(child, tuple):
            name, value = cast("tuple[Any, Any]", child)
            if isinstance(name.value, str):
                if name.value in names:
                    raise _MalformedError("a name stands twice in one table")
                names.add(name.value)
        weight += _weight(value, known)
    known[id(node)] = weight
    return weight


_PARSERS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    ".toml": ("TOML", _toml),
    ".json": ("JSON", _json),
    ".yaml": ("YAML", _yaml),
    ".yml": ("YAML", _yaml),
}
