"""The library with its defaults: items, items that are guarded by a revision, and transactions of many updates."""

from __future__ import annotations

from typing import Any

from entities import Fields, GuardedItem, Item

from candidates.ours import Items
from torematrix.core.storage import Repository, Storage


class Updated(Items):
    """The items, many of which are updated together."""

    def many_together(self, items: list[Item]) -> None:
        update = self.repository.update
        with self.storage.transaction():
            for item in items:
                update(item)

    def many_nested(self, items: list[Item]) -> None:
        update, transaction = self.repository.update, self.storage.transaction
        with transaction():
            for start in range(0, len(items), 10):
                with transaction():
                    for item in items[start : start + 10]:
                        update(item)


class Guarded(Items):
    """The guarded items. Whoever updates one has read it, and so knows its revision."""

    def __init__(self, repository: Repository[Any], storage: Storage) -> None:
        super().__init__(repository, storage)
        self._revisions: dict[str, int] = {}
        self._update = repository.update
        self.update = self._noted

    def edited(self, fields: Fields, changes: Fields) -> GuardedItem:
        return GuardedItem(**{**fields, **changes, "revision": self._revisions.get(fields["id"], 1)})

    def _noted(self, item: GuardedItem) -> GuardedItem:
        updated: GuardedItem = self._update(item)
        self._revisions[str(updated.id)] = updated.revision
        return updated


class Candidate:
    """The library."""

    def __init__(self, place: str) -> None:
        self.storage = self.opened(place)
        self.items = Updated(self.storage.repository(Item, searchable=[]), self.storage)
        self.guarded = Guarded(self.storage.repository(GuardedItem, searchable=[]), self.storage)
        self.storage.ready()

    def opened(self, place: str) -> Storage:
        return Storage.open(place)

    def close(self) -> None:
        self.storage.close()
