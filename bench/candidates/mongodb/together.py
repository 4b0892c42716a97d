"""The floor with transactions of many updates."""

from __future__ import annotations

from entities import Item
from pymongo.client_session import ClientSession

from . import _form as form
from . import floor


class Items(floor.Items):
    """The items."""

    def many_together(self, items: list[Item]) -> None:
        _, now = form.now()

        def work(session: ClientSession) -> None:
            for item in items:
                if self._write(form.replace(item, now), session)["value"] is None:
                    raise KeyError(item.id)

        self._together(work)


class Candidate(floor.Candidate):
    """Everything by hand."""

    items_class = Items

    def __init__(self, place: str) -> None:
        super().__init__(place)
        del self.articles
