"""Pages, orders and measures that are none, and results taken for those of another kind of page."""

from __future__ import annotations

from torematrix.core.storage import Count, CursorPage, CursorPagination, Pagination, Repository


def main(repository: Repository[object]) -> None:
    # refused: mypy[call-overload] pyright[reportArgumentType,reportCallIssue]
    repository.list(pagination=3)
    # refused: mypy[arg-type] pyright[reportArgumentType]
    repository.list(pagination=Pagination("1"))
    # refused: mypy[call-overload] pyright[reportArgumentType]
    repository.list(sort_by=1)
    # refused: mypy[call-overload] pyright[reportArgumentType]
    repository.list(sort_order="asc")
    # refused: mypy[list-item] pyright[reportArgumentType]
    repository.list(sort_by=[("title", "desc")])
    # refused: mypy[assignment] pyright[reportAssignmentType]
    page: CursorPage[object] = repository.list(pagination=Pagination())
    # refused: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    repository.list(pagination=CursorPagination()).total
    # refused: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    repository.list().items
    # refused: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    repository.list(pagination=Pagination()).next
    # refused: mypy[call-overload] pyright[reportArgumentType]
    repository.search("words", fields=1)
    # refused: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    repository.search("words", with_hits=True)[0].title
    # refused: mypy[arg-type] pyright[reportArgumentType]
    repository.aggregate(total="stars")
    # refused: mypy[arg-type] pyright[reportArgumentType]
    repository.aggregate(total=Count)
    # refused: mypy[misc] pyright[reportAttributeAccessIssue]
    Pagination().page = 2
    print(page)
