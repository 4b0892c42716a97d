"""Names that do not exist, arguments that no method takes."""

from __future__ import annotations

# refused: mypy[attr-defined] pyright[reportAttributeAccessIssue]
from torematrix.core.storage import Storage, Storages


def main(storage: Storage, other: Storages) -> None:
    # refused: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    storage.repositories()
    # refused: mypy[call-arg] pyright[reportCallIssue]
    storage.transaction(readonly=True)
    # refused: mypy[call-arg] pyright[reportCallIssue]
    storage.backup()
    other.close()
