"""Cursors: where a page ended, as text that a client can hold and cannot forge.

A cursor holds the values of the sort keys at an edge of a page, and a fingerprint of the query it belongs to. It is
signed (keyed BLAKE2b, of 128 bits), not encrypted: whoever may read the page may read its edge.

The rows behind a cursor are found by conditions on the sort keys, so that an index serves them and the cost of a page
does not depend on how far down it is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import NoReturn, cast

import msgspec

from ..errors import InvalidQueryError
from .conditions import (
    FALSE,
    TRUE,
    Behind,
    Compare,
    Comparison,
    Condition,
    IsNull,
    ScalarValue,
    Target,
    all_of,
    any_of,
    negated,
)
from .operations import SearchStatistics, SortKey
from .orders import Order

__all__ = [
    "SearchEdge",
    "SortEdge",
    "fingerprint",
    "fingerprint_of_list",
    "open_cursor",
    "seal_cursor",
    "segments_after",
]

_SIGNATURE_BYTES = 16
_LONGEST = 200_000


class SortEdge(msgspec.Struct, frozen=True, array_like=True, tag="k"):
    """The values of the sort keys at the edge of a page."""

    query: bytes
    values: tuple[str | int | float | bool | None, ...]


class SearchEdge(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """The place of a hit in a relevance order, and the statistics that scored it."""

    query: bytes
    score: int
    id: str
    documents: int
    length: int
    frequencies: tuple[int, ...]

    @property
    def statistics(self) -> SearchStatistics:
        """What the first page was scored with."""
        return SearchStatistics(self.documents, self.length, self.frequencies)


_decoder: msgspec.msgpack.Decoder[SortEdge | SearchEdge] = msgspec.msgpack.Decoder(SortEdge | SearchEdge)


def fingerprint(*parts: object) -> bytes:
    """Eight bytes that tell one query from another, the same in every process."""
    return hashlib.blake2b(msgspec.msgpack.encode(_plain(parts)), digest_size=8).digest()


def fingerprint_of_list(collection: str, condition: Condition, order: Order) -> bytes:
    """The fingerprint of a list of what meets the condition; without one the order keeps it."""
    if condition is not TRUE:
        return fingerprint(collection, condition, order)
    found = order.fingerprints.get(collection)
    if found is None:
        found = order.fingerprints[collection] = fingerprint(collection, condition, order)
    return found


def _plain(value: object) -> object:
    if isinstance(value, Order):
        return value.plain
    if isinstance(value, Target):
        return value.text
    if isinstance(value, msgspec.Struct):
        fields = (getattr(value, name) for name in type(value).__struct_fields__)
        return [type(value).__name__, *map(_plain, fields)]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        return [[key, _plain(entries[key])] for key in sorted(entries)]
    return value


def seal_cursor(edge: SortEdge | SearchEdge, key: bytes) -> str:
    """The text of a cursor, URL-safe."""
    body = msgspec.msgpack.encode(edge)
    return _text(_sign(body, key) + body)


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def open_cursor(text: str, key: bytes, query: bytes) -> SortEdge | SearchEdge:
    """What a cursor holds.

    Raises:
        InvalidQueryError: it was changed, cut, signed with another key, or belongs to another query.
    """
    if len(text) > _LONGEST:
        _refuse("it is too long")
    try:
        sealed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:  # as are the errors of encoding and of base64
        sealed = b""
    if _text(sealed) != text:  # several texts stand for the same bytes, and what is no base64 is passed over
        _refuse("it is not the text that a page gave")
    signature, body = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(body, key)):
        _refuse("it was changed, or made by another database")
    try:
        edge = _decoder.decode(body)
    except msgspec.DecodeError:
        _refuse("it is of another version")
    if edge.query != query:
        _refuse("it belongs to another collection, filter or sort")
    return edge


def _sign(body: bytes, key: bytes) -> bytes:
    if len(key) > hashlib.blake2b.MAX_KEY_SIZE:
        key = hashlib.blake2b(key).digest()
    return hashlib.blake2b(body, digest_size=_SIGNATURE_BYTES, key=key).digest()


def _refuse(reason: str) -> NoReturn:
    raise InvalidQueryError(f"the cursor cannot be used: {reason}; start again from the first page")


def segments_after(sort: Sequence[SortKey], values: Sequence[ScalarValue | None]) -> list[Condition]:
    """Conditions whose matches are the rows behind these values: one after the other, each in ``sort`` order.

    They are apart where the first key passes between null and not null, because an index range cannot cross there.
    """
    if len(sort) != len(values):
        _refuse("it belongs to another sort")
    head, value = sort[0], values[0]
    target = head.target
    if value is None:
        same = all_of([IsNull(target), _after(sort[1:], values[1:])])
        segments = [same] if head.descending else [same, negated(IsNull(target))]
    else:
        behind = _one_way(sort, values)
        if behind is None:
            tied = all_of([Compare(target, Comparison.EQ, value), _after(sort[1:], values[1:])])
            inclusive = Comparison.LE if head.descending else Comparison.GE
            behind = all_of(
                [
                    Compare(target, inclusive, value),
                    any_of([_beyond(target, value, head.descending), tied]),
                ]
            )
        segments = [behind]
        if head.descending and _may_be_null(sort, 0):
            segments.append(IsNull(target))
    return [segment for segment in segments if segment is not FALSE]


def _may_be_null(sort: Sequence[SortKey], at: int) -> bool:
    return sort[at].target.nullable and at < len(sort) - 1  # the last key is the id


def _one_way(sort: Sequence[SortKey], values: Sequence[ScalarValue | None]) -> Condition | None:
    """The rows behind these values that are not null in the first key, where all keys run one way; else None."""
    descending = sort[0].descending
    present = tuple(value for value in values if value is not None)
    if len(present) < len(values) or any(key.descending != descending for key in sort):
        return None
    if len(sort) == 1:
        return _beyond(sort[0].target, present[0], descending)
    if descending and any(_may_be_null(sort, at) for at in range(1, len(sort))):
        return None  # nulls are behind, and no comparison of rows finds them
    return Behind(tuple(key.target for key in sort), present, descending)


def _beyond(target: Target, value: ScalarValue, descending: bool) -> Condition:
    return Compare(target, Comparison.LT if descending else Comparison.GT, value)


def _after(sort: Sequence[SortKey], values: Sequence[ScalarValue | None]) -> Condition:
    """The rows that stand behind these values, as one condition."""
    if not sort:
        return FALSE
    target, descending, value = sort[0].target, sort[0].descending, values[0]
    last = _may_be_null(sort, 0) and descending  # whether the nulls come behind
    if not last and (behind := _one_way(sort, values)) is not None:
        return behind
    rest = _after(sort[1:], values[1:])
    if value is None:
        beyond: Condition = FALSE if descending else negated(IsNull(target))
        return any_of([beyond, all_of([IsNull(target), rest])])
    beyond = _beyond(target, value, descending)
    if last:
        beyond = any_of([beyond, IsNull(target)])
    return any_of([beyond, all_of([Compare(target, Comparison.EQ, value), rest])])
