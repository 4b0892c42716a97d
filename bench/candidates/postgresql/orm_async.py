"""SQLAlchemy 2's ORM over psycopg's asynchronous connections."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import create_async_engine

from .. import _orm_models as models
from .._orm_async import Orm


class Candidate(Orm):
    """The ORM."""

    @classmethod
    async def open(cls, place: str) -> Candidate:
        url = place.replace("postgresql:", "postgresql+psycopg:", 1)
        candidate = cls(create_async_engine(url, **models.serializers()), searches=True)
        await candidate.create_all()
        return candidate
