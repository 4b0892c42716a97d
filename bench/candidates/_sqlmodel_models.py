"""The tables as SQLModel declares them."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from torematrix.core.storage.face.ids import new_id

from . import _orm_models as models


class Base(SQLModel):
    """What the mapped classes share, with the column types of SQLAlchemy's own."""


def _time(**options: Any) -> Any:
    return Field(default_factory=models.now, sa_type=models.TIME, **options)


def _list() -> Any:
    return Field(sa_type=models.LIST)


class Item(Base, table=True):
    """An item; the id and the times are filled by the class's defaults."""

    __tablename__: ClassVar[Any] = "items"
    __table_args__ = (
        Index("ix_status", "status", "id"),
        Index("ix_owner", "owner", "id"),
        Index("ix_created", "created_at", "id"),
        Index("ix_updated", "updated_at", "id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    title: str
    status: str
    owner: str
    size: int = Field(sa_type=BigInteger)
    score: float
    active: bool
    tags: list[str] = _list()
    created_at: dt.datetime = _time()
    updated_at: dt.datetime = _time(sa_column_kwargs={"onupdate": models.now})


class Article(Base, table=True):
    """An article, with the engine's own index of its words."""

    __tablename__: ClassVar[Any] = "articles"
    __table_args__ = (
        Index("ix_article_status", "status", "id"),
        Index("ix_article_created", "created_at", "id"),
        Index("ix_article_updated", "updated_at", "id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    title: str
    body: str
    status: str
    tags: list[str] = _list()
    created_at: dt.datetime = _time()
    updated_at: dt.datetime = _time(sa_column_kwargs={"onupdate": models.now})


models.index_words(Article.__table__)  # type: ignore[attr-defined]
