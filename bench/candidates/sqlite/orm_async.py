"""SQLAlchemy 2's ORM over aiosqlite."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from .. import _orm_models as models
from .._orm_async import Orm
from .orm import prepare


class Candidate(Orm):
    """The ORM."""

    @classmethod
    async def open(cls, place: str) -> Candidate:
        url = place.replace("sqlite:", "sqlite+aiosqlite:", 1)
        engine = create_async_engine(url, **models.serializers())
        event.listen(engine.sync_engine, "connect", prepare)
        candidate = cls(engine, searches=False)
        await candidate.create_all()
        return candidate
