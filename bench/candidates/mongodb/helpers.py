"""As the floor, but reading by PyMongo's helpers too, which repeat a reading whose connection was lost."""

from __future__ import annotations

from entities import Item

from . import _form as form
from . import floor


class Items(floor.Items):
    """The items."""

    def get(self, entity_id: str) -> Item | None:
        found = self._collection.find_one({"_id": entity_id})
        return None if found is None else form.item_of(found)

    def list(self, status: str) -> list[Item]:
        found = self._collection.find({"status": status}, sort=[("size", 1), ("_id", 1)])
        return [form.item_of(document) for document in found]

    def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        order = [("size", 1), ("_id", 1)]
        found = self._collection.find({"status": status}, sort=order, skip=50 * (number - 1), limit=50)
        return [form.item_of(document) for document in found], self.count_indexed(status)

    def count_indexed(self, status: str) -> int:
        return self._collection.count_documents({"status": status})

    def count_scanned(self, least: int) -> int:
        return self._collection.count_documents({"size": {"$gte": least}})


class Candidate(floor.Candidate):
    """Everything by hand, with helpers."""

    items_class = Items

    def __init__(self, place: str) -> None:
        super().__init__(place)
        del self.articles  # searches are commands, for which there is no helper
