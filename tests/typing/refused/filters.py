"""Conditions that are none, and conditions joined by what would drop one of them."""

from __future__ import annotations

from torematrix.core.storage import F, QueryFilter, Repository


def main(repository: Repository[object]) -> None:
    # refused: mypy[arg-type] pyright[reportArgumentType]
    repository.count("status")
    # refused: mypy[dict-item] pyright[reportArgumentType]
    repository.count({"status": "active"})
    # refused: mypy[arg-type] pyright[reportArgumentType]
    repository.count(F("status"))
    # refused: mypy[list-item] pyright[reportArgumentType]
    repository.count([("status", "eq", "active")])
    # refused: pyright[reportGeneralTypeIssues]
    if F("status") == "active" and F("stars") > 3:
        repository.count()
    # refused: mypy[arg-type,truthy-bool] pyright[reportArgumentType]
    repository.count(not F("status"))
    # refused: mypy[arg-type,operator] pyright[reportOperatorIssue]
    repository.count(F("status") == 1 & F("stars") == 2)
    # refused: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    repository.count(F("status").equals("active"))
    # refused: mypy[arg-type] pyright[reportArgumentType]
    repository.count(QueryFilter(1, "eq", 2))
    # refused: pyright[reportUnhashable]
    print({F("status"): 1})
