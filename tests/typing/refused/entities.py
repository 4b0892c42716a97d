"""Entities of another class, and an entity that may not be there."""

from __future__ import annotations

from dataclasses import dataclass

from torematrix.core.storage import Repository, SearchHit


@dataclass
class Note:
    title: str
    id: str | None = None


@dataclass
class Task:
    title: str
    id: str | None = None


def main(notes: Repository[Note], tasks: Repository[Task]) -> None:
    # refused: mypy[arg-type] pyright[reportArgumentType]
    notes.create(Task("of another class"))
    # refused: mypy[arg-type] pyright[reportArgumentType]
    notes.create("first")
    # refused: mypy[arg-type] pyright[reportArgumentType]
    notes.bulk_create(Note("alone"))
    # refused: mypy[union-attr] pyright[reportOptionalMemberAccess]
    notes.get("first").title
    # refused: mypy[arg-type] pyright[reportArgumentType]
    notes.get(1)
    # refused: mypy[union-attr] pyright[reportOptionalMemberAccess]
    notes.find_one().title
    # refused: mypy[assignment] pyright[reportAssignmentType]
    found: Task | None = notes.get("first")
    # refused: mypy[assignment] pyright[reportAssignmentType]
    other: Repository[Note] = tasks
    # refused: mypy[assignment] pyright[reportAssignmentType]
    hits: list[SearchHit[Task]] = notes.search("words", with_hits=True)
    print(found, other, hits)
