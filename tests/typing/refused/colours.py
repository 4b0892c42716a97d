"""The two colours are not mixed."""

from __future__ import annotations

from torematrix.core.storage import AsyncRepository, AsyncStorage, Repository, Storage


async def main(repository: AsyncRepository[object], blocking: Repository[object], storage: Storage) -> None:
    # refused: mypy[unused-coroutine] pyright[reportUnusedCoroutine]
    repository.count()
    # refused: mypy[misc] pyright[reportGeneralTypeIssues]
    await blocking.count()
    # refused: mypy[attr-defined] pyright[reportGeneralTypeIssues]
    with AsyncStorage.open("memory://"):
        pass
    # refused: mypy[attr-defined] pyright[reportGeneralTypeIssues]
    async with Storage.open("memory://"):
        pass
    # refused: mypy[misc] pyright[reportGeneralTypeIssues]
    print([*repository])
    # refused: mypy[attr-defined] pyright[reportGeneralTypeIssues]
    async with storage.transaction():
        pass
    # refused: mypy[assignment] pyright[reportAssignmentType]
    other: Repository[object] = repository
    print(other)
