"""``override``, which Python's own ``typing`` has from 3.12 on.

It is a mark for type checkers alone, and ``typing_extensions`` takes a seventh of the time that the package takes to be
imported: at run time it is not needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

__all__ = ["override"]

_Method = TypeVar("_Method")

if TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method: _Method) -> _Method:
        """The method, which stands in place of one of a base class."""
        return method
