"""SQLAlchemy 2's ORM over psycopg."""

from __future__ import annotations

from sqlalchemy import create_engine

from .. import _orm_models as models
from .._orm import Orm


class Candidate(Orm):
    """The ORM."""

    def __init__(self, place: str) -> None:
        url = place.replace("postgresql:", "postgresql+psycopg:", 1)
        super().__init__(create_engine(url, **models.serializers()))
