"""The floor with transactions of many updates."""

from __future__ import annotations

from entities import Item

from . import _form as form
from . import floor


class Items(floor.Items):
    """The items."""

    def many_together(self, items: list[Item]) -> None:
        now = form.now_text()
        with floor.Writing(self.connections.here) as connection:
            for item in items:
                self._replace(connection, item, now)


class Candidate(floor.Candidate):
    """Everything by hand."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.items = Items(self.connections)
        del self.articles
