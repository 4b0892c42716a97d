"""What both colours of advanced-alchemy's candidate share: the mapped classes are the ORM's own."""

from __future__ import annotations

from typing import Any

from advanced_alchemy.filters import LimitOffset, OrderBy
from entities import Fields
from sqlalchemy import tuple_

from ._orm_models import Cursor, Item

BY_SIZE = (OrderBy("size"), OrderBy("id"))


def entity(fields: Fields) -> Item:
    return Item(**{name: value for name, value in fields.items() if value is not None})


def edited(fields: Fields, changes: Fields) -> Item:
    """What an update takes: an entity with its id and what changes."""
    return Item(id=fields["id"], **changes)


def page(number: int) -> LimitOffset:
    return LimitOffset(50, 50 * (number - 1))


def after(cursor: Cursor | None, limit: int) -> list[Any]:
    """The filters of a page and one row more."""
    order = (OrderBy("created_at"), OrderBy("id"), LimitOffset(limit + 1, 0))
    return [*order] if cursor is None else [tuple_(Item.created_at, Item.id) > cursor, *order]


def ordered(given: list[Item], updated: Any) -> list[Item]:
    """What was updated, in the order in which it was given."""
    found = {item.id: item for item in updated}
    return [found[item.id] for item in given]
