"""SQLAlchemy 2's ORM over sqlite3."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, event

from .. import _orm_models as models
from .._orm import Orm
from . import _form as form


def prepare(connection: Any, _: object) -> None:
    """The settings all candidates have."""
    cursor = connection.cursor()
    cursor.execute(form.AUTO_VACUUM)
    for name, value in form.PRAGMAS.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.close()


class Candidate(Orm):
    """The ORM."""

    def __init__(self, place: str) -> None:
        engine = create_engine(place, **models.serializers())
        event.listen(engine, "connect", prepare)
        super().__init__(engine)
