"""Rows that hold hostile texts, in portions.

A storage gets several portions at once, and is asked about one at a time by a window over ids; the reference, which
looks at every row whatever is asked, holds that portion alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Final

from ...model.markers import Index
from ...query.filters import F, QueryFilter
from . import TEXTS
from .attempts import SECRET
from .values import CONTAINERS, NUMBERS

__all__ = ["GROUPS", "PORTIONS", "Grams", "Held", "Portion", "is_kept", "short", "value_documents"]

_SIZE: Final = 48
_LONGEST_INDEXED: Final = 2_000


@dataclass
class Held:
    """An entity with a place for each kind of text."""

    text: str = ""
    status: Annotated[str, Index()] = ""
    number: int | None = None
    tags: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    secret: str = SECRET
    id: str | None = None


@dataclass
class Grams:
    """An entity whose text has an index of its trigrams."""

    text: Annotated[str, Index(substring=True)] = ""
    id: str | None = None


def is_kept(text: str) -> bool:
    """Whether a str with this text can be stored at all."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def short(text: str) -> str:
    """The text for a report."""
    shown = ascii(text)
    return shown if len(shown) <= 60 else f"{shown[:60]}... ({len(text)} characters)"


class Portion:
    """Some of the texts, and entities that hold them.

    Attributes:
        number: which portion it is.
        texts: the texts.
        kept: those among them that can be stored.
    """

    def __init__(self, number: int, texts: Sequence[str]) -> None:
        self.number = number
        self.texts = tuple(texts)
        self.kept = tuple(filter(is_kept, texts))

    @cached_property
    def rows(self) -> list[Held]:
        """One entity for each text; its places hold four different ones, so that what is found tells them apart."""
        kept = self.kept
        return [
            Held(
                text=text,
                status=kept[number - 1] if len(kept[number - 1].encode()) <= _LONGEST_INDEXED else "",
                number=number,
                tags=["x", kept[number - 2]],
                extra={"value": kept[number - 3], "key": {kept[number - 4]: number}},
                id=self.id(number),
            )
            for number, text in enumerate(kept)
        ]

    @cached_property
    def grams(self) -> list[Grams]:
        """One entity for each text, with the text before its neighbour, so that there is something around it."""
        kept = self.kept
        return [Grams(f"{text}{kept[number - 1]}", self.id(number)) for number, text in enumerate(kept)]

    @cached_property
    def documents(self) -> list[dict[str, Any]]:
        """The same without declarations: each text is a key at the top, below it and in a list, and a value of each."""
        return [
            {
                "id": self.id(number),
                self.key(text): number,
                "below": {text: {text: text}, "list": [text, {text: [text]}]},
                "secret": SECRET,
            }
            for number, text in enumerate(self.kept)
        ]

    def id(self, number: int) -> str:
        """The id of the row of that number."""
        return f"{self.number:02}-{number:02}"

    @property
    def window(self) -> QueryFilter:
        """A condition that the rows of this portion meet, and no others."""
        return F("id").between(self.id(0), self.id(99))

    def key(self, text: str) -> str:
        """The text as a key at the top of a document, where some have a meaning."""
        return f"{text}." if text in ("id", "", "below", "secret") else text

    def holders(self, text: str) -> list[str]:
        """The ids of the rows in which the text is the text, the status, a tag, and the value; in that order."""
        number, count = self.kept.index(text), len(self.kept)
        indexed = [(number + 1) % count] if len(text.encode()) <= _LONGEST_INDEXED else []
        return [self.id(row) for row in (number, *indexed, (number + 2) % count, (number + 3) % count)]


PORTIONS: Final = tuple(
    Portion(number, TEXTS[start : start + _SIZE]) for number, start in enumerate(range(0, len(TEXTS), _SIZE))
)
GROUPS: Final = tuple(PORTIONS[start : start + 4] for start in range(0, len(PORTIONS), 4))
"""The portions that are stored together."""


def value_documents() -> list[dict[str, Any]]:
    """Documents that hold dicts, lists and numbers that some library took for more than data."""
    return [
        {"id": f"value-{number:03}", "value": value, "in": [value, {"deep": value}], "secret": SECRET}
        for number, value in enumerate((*CONTAINERS, *NUMBERS))
    ]
