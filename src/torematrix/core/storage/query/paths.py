"""Dotted paths, as users write them.

A path names a place in an entity: ``title``, ``meta.year``, ``items[0].price``, ``items[*].price``,
``["a.b"].c``. A dot steps into a dict and never into a list; ``[n]`` takes the element n of a list, ``[*]`` stands
for some element of it; a key that holds a dot, a bracket or a quote is written as a JSON string in brackets.
"""

from __future__ import annotations

import enum
import functools
import re
from typing import Final

import msgspec

from ..errors import InvalidQueryError
from ..model.names import MAX_DEPTH

__all__ = ["ANY", "Step", "Wildcard", "format_path", "parse_path"]


class Wildcard(enum.Enum):
    """The step ``[*]``: some element of the list."""

    ANY = "[*]"


ANY: Final = Wildcard.ANY
Step = str | int | Wildcard

_BARE = re.compile(r'[^.\[\]"\x00-\x1f\x7f\ud800-\udfff]+')
_BRACKET = re.compile(r'\[(?:(\*)|(0|[1-9][0-9]{0,8})|("(?:[^"\\]|\\.)*"))\]', re.DOTALL)
_LONGEST = 4_000


@functools.lru_cache(maxsize=4096)
def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path, the first of which is always a key.

    Raises:
        InvalidQueryError: the text is not a path.
    """
    if not text or len(text) > _LONGEST:
        raise InvalidQueryError(f"a field path has 1 to {_LONGEST} characters, this one has {len(text)}")
    steps: list[Step] = []
    at, end = 0, len(text)
    while at < end:
        if text[at] == "[":
            at = _bracket(text, at, steps)
        else:
            if steps:
                if text[at] != ".":
                    raise _refused(text, at)
                at += 1
            match = _BARE.match(text, at)
            if match is None:
                raise _refused(text, at)
            steps.append(match.group())
            at = match.end()
    if not isinstance(steps[0], str):
        raise InvalidQueryError(f"a field path starts with a field name, {text!r} starts with an index")
    if len(steps) > MAX_DEPTH:
        raise InvalidQueryError(f"a field path has at most {MAX_DEPTH} steps")
    return tuple(steps)


def _bracket(text: str, at: int, steps: list[Step]) -> int:
    match = _BRACKET.match(text, at)
    if match is None:
        raise _refused(text, at)
    wildcard, index, key = match.groups()
    if wildcard:
        steps.append(ANY)
    elif index:
        steps.append(int(index))
    else:
        try:
            decoded = msgspec.json.decode(key.encode(), type=str)
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise _refused(text, at) from None
        if "\x00" in decoded:
            raise _refused(text, at)
        steps.append(decoded)
    return match.end()


def _refused(text: str, at: int) -> InvalidQueryError:
    return InvalidQueryError(
        f"{text!r} is not a field path: unexpected character at position {at}; "
        'write name.name, name[0], name[*], or ["a key with dots"]'
    )


def format_path(steps: tuple[Step, ...]) -> str:
    """The text of these steps; ``parse_path`` gives them back."""
    parts: list[str] = []
    for step in steps:
        if isinstance(step, Wildcard):
            parts.append("[*]")
        elif isinstance(step, int):
            parts.append(f"[{step}]")
        elif _BARE.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{msgspec.json.encode(step).decode()}]")
    return "".join(parts)
