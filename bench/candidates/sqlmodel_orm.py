"""SQLModel over sqlite3 or psycopg: SQLAlchemy's ORM with classes that are pydantic's too, and SQLModel's session.

Its ``exec`` is SQLAlchemy's ``execute`` with ``scalars``, as the ORM's candidate has it, so the two share their code.
"""

from __future__ import annotations

from sqlmodel import Session

from . import _sqlmodel_models, orm


class Candidate(orm.Candidate):
    """SQLModel."""

    models = _sqlmodel_models
    sessions = Session
