"""The canonical text of datetimes, written fast.

msgspec writes a datetime's JSON in a tenth of the time that ``isoformat`` takes. It differs from the canonical text in
the quotes, in ``Z`` for UTC, and by leaving out microseconds of zero, which its length shows. It rounds offsets to
minutes, so only UTC itself is left to it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

__all__ = ["naive_text", "utc_text"]

_json = msgspec.json.Encoder().encode
_QUOTED_UTC = len('"YYYY-MM-DDTHH:MM:SS.ffffffZ"')
_QUOTED_NAIVE = _QUOTED_UTC - 1


def utc_text(moment: datetime) -> str:
    """The canonical text of an aware datetime; OverflowError when its UTC lies outside the years 1 to 9999."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    text = _json(moment)
    return (
        text[1:27].decode() + "+00:00" if len(text) == _QUOTED_UTC else moment.isoformat("T", "microseconds")
    )


def naive_text(moment: datetime) -> str:
    """The canonical text of a naive datetime."""
    text = _json(moment)
    return text[1:27].decode() if len(text) == _QUOTED_NAIVE else moment.isoformat("T", "microseconds")
