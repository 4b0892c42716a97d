"""``list``, ``get``, ``search``, ``count`` and ``explain``: questions, after which the database is as it was."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from ...query.aggregates import Count
from ...query.filters import CursorPagination, PaginatedResult, Pagination, SearchHit
from ...query.search import parse_search
from ..asking import filters_of, sorts_of
from ..opening import Stored, opened, stored_collection
from ..options import (
    DEFAULT_URL,
    After,
    AsJson,
    Before,
    CollectionName,
    Columns,
    FilterTexts,
    Limit,
    Page,
    SearchFields,
    SortTexts,
    StorageUrl,
)
from ..outcome import CommandError, ExitCode
from ..showing import NARROW, console, marked, pairs, print_json, table
from ..values import cell_text, value_at, visible

__all__ = ["register"]

_CELL = 60
_LAST = ("created_at", "updated_at", "digest", "content")  # shown where there is room beside the others
_WORDS = typer.Argument(
    metavar="WORDS...", help='What to look for: words, "a phrase", prefix*, -word, a OR b.'
)


class Explained(enum.StrEnum):
    """The questions that can be explained."""

    LIST = "list"
    COUNT = "count"
    SEARCH = "search"
    GET = "get"


def list_(
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    filters: FilterTexts = None,
    sort: SortTexts = None,
    limit: Limit = 20,
    page: Page = None,
    after: After = None,
    before: Before = None,
    columns: Columns = None,
    as_json: AsJson = False,
) -> None:
    """List entities, page by page.

    A page is found by its number with --page, or by a cursor with --after and --before: however far it is, that costs
    the same, and nothing is shown twice or left out when others write meanwhile.
    """
    with opened(storage) as open_storage:
        stored = stored_collection(open_storage, collection)
        conditions = filters_of(filters, stored)
        pagination = _pagination(limit, page, after, before)
        found: Any = stored.repository.list(conditions, sorts_of(sort), pagination=pagination)
        total = found.total if isinstance(found, PaginatedResult) else stored.repository.count(conditions)
        _show_page(stored, found, total, as_json=as_json, columns=_named(columns))


def get(
    entity_id: Annotated[str, typer.Argument(metavar="ID", help="The id.")],
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    as_json: AsJson = False,
) -> None:
    """Show one entity whole."""
    with opened(storage) as open_storage:
        stored = stored_collection(open_storage, collection)
        entity = stored.repository.get(entity_id)
        if entity is None:
            raise CommandError(f"no entity of {stored.name!r} has the id {entity_id!r}", ExitCode.NOT_FOUND)
        if as_json:
            print_json(entity)
        else:
            console().print(pairs((name, cell_text(value)) for name, value in entity.items()))


def search(
    words: Annotated[list[str], _WORDS],
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    fields: SearchFields = None,
    filters: FilterTexts = None,
    limit: Limit = 10,
    page: Page = None,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """Search the text, most relevant first.

    The places where the words stand are shown. Words are all required; "a phrase" in quotes of its own, prefix*, -word
    and OR mean what they look like. Put -- before words that begin with a hyphen: search -- tea -coffee
    """
    query = " ".join(words)
    with opened(storage) as open_storage:
        stored = stored_collection(open_storage, collection)
        pagination = _pagination(limit, page, after, None)
        found: Any = stored.repository.search(
            query, fields or None, pagination=pagination, filters=filters_of(filters, stored), with_hits=True
        )
        hits: Sequence[SearchHit[dict[str, Any]]] = found.items
        if as_json:
            items = [
                {"score": hit.score, "snippets": hit.snippets, "entity": _shortened(hit, stored)}
                for hit in hits
            ]
            print_json({"collection": stored.name, "query": query, "items": items, **_neighbours(found)})
        else:
            _show_hits(stored, query, found, fields or stored.searchable)


def count(
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    filters: FilterTexts = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="FIELD", help="Count each value of this field by itself.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count entities."""
    with opened(storage) as open_storage:
        stored = stored_collection(open_storage, collection)
        conditions = filters_of(filters, stored)
        if by is None:
            counted = stored.repository.count(conditions)
            if as_json:
                print_json({"collection": stored.name, "count": counted})
            else:
                print(counted)
            return
        groups = stored.repository.aggregate(conditions, by, **{_COUNT: Count()})
        if as_json:
            counts = [{"value": group[by], "count": group[_COUNT]} for group in groups]
            print_json({"collection": stored.name, "by": by, "counts": counts})
        else:
            rows = [(cell_text(group[by]), f"{group[_COUNT]:,}") for group in groups]
            console().print(table([by, "count"], rows, right=["count"]))


_COUNT = "torematrix_count"  # no field of anybody's


def explain(
    operation: Annotated[Explained, typer.Argument(metavar="OPERATION", help="list, count, search or get.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORDS...]", help="For search the words, for get the id.")
    ] = None,
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    fields: SearchFields = None,
    filters: FilterTexts = None,
    sort: SortTexts = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show how a question would be answered.

    What it would send to the engine, the engine's plan, and whether an index finds the rows.
    """
    with opened(storage) as open_storage:
        stored = stored_collection(open_storage, collection)
        conditions = filters_of(filters, stored)
        arguments: dict[str, Any] = {"filters": conditions}
        if operation is Explained.GET:
            arguments = {"entity_id": " ".join(words or ())}
        elif operation is Explained.SEARCH:
            arguments.update(
                query=" ".join(words or ()), fields=fields or None, pagination=Pagination(1, limit)
            )
        elif operation is Explained.LIST:
            arguments.update(sort_by=sorts_of(sort), pagination=CursorPagination(limit=limit))
        found = stored.repository.explain(operation.value, **arguments)
        if as_json:
            print_json(found.as_dict())
            return
        index = {True: "yes", False: "no: every row is read", None: "not known"}[found.uses_index]
        items = [("backend", found.backend), ("operation", found.operation), ("uses an index", index)]
        items += [("statement", statement) for statement in found.statements]
        items += [("plan", step) for step in found.plan]
        items += [("done by the library", note) for note in found.emulated]
        console().print(pairs(items))


def _pagination(
    limit: int, page: int | None, after: str | None, before: str | None
) -> Pagination | CursorPagination:
    if page is not None and (after is not None or before is not None):
        raise CommandError(
            "--page counts pages, --after and --before follow cursors: use one of them", ExitCode.USAGE
        )
    return (
        Pagination(page, limit)
        if page is not None
        else CursorPagination(after=after, before=before, limit=limit)
    )


def _neighbours(found: Any) -> dict[str, Any]:
    if isinstance(found, PaginatedResult):
        return {"total": found.total, "page": found.page, "pages": found.pages}
    return {"next": found.next, "previous": found.previous}


def _show_page(stored: Stored, found: Any, total: int, *, as_json: bool, columns: list[str]) -> None:
    items: list[dict[str, Any]] = found.items
    if as_json:
        picked = [{path: value_at(item, path) for path in columns} for item in items] if columns else items
        print_json({"collection": stored.name, "total": total, "items": picked, **_neighbours(found)})
        return
    screen = console()
    shown = columns or _columns(items, screen.width)
    numeric = [path for path in shown if all(_is_number(value_at(item, path)) for item in items)]
    rows = [[_cell(value_at(item, path)) for path in shown] for item in items]
    if rows:
        screen.print(table(shown, rows, right=numeric, whole=[*numeric, "id"]))
    screen.print(f"{len(items):,} of {total:,} in {stored.name}")
    _show_next(screen, found)


def _show_next(screen: Console, found: Any) -> None:
    if isinstance(found, PaginatedResult):
        screen.print(f"page {found.page:,} of {found.pages:,}")
        return
    # On lines of their own, unwrapped: to be copied.
    if found.next is not None:
        screen.print(f"next page: --after {found.next}", soft_wrap=True)
    if found.previous is not None:
        screen.print(f"previous page: --before {found.previous}", soft_wrap=True)


def _columns(items: Sequence[dict[str, Any]], width: int) -> list[str]:
    """The id, and as many fields as are readable in this width: first those that are short."""
    names = dict.fromkeys(name for item in items for name in item if name != "id")
    cells = {name: [cell_text(item.get(name)) for item in items] for name in ("id", *names)}
    widths = {name: min(max(map(len, found), default=0), NARROW) for name, found in cells.items()}
    shown, left = ["id"], width - max(map(len, cells["id"]), default=0)
    for name in sorted(names, key=lambda name: (name in _LAST, any("\n" in cell for cell in cells[name]))):
        left -= max(widths[name], len(name)) + 3
        if left < 0:
            break
        shown.append(name)
    return shown


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    text = cell_text(value)
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _named(columns: str | None) -> list[str]:
    return [name.strip() for name in columns.split(",") if name.strip()] if columns else []


def _shortened(hit: SearchHit[dict[str, Any]], stored: Stored) -> dict[str, Any]:
    """The entity without the texts of which the extracts are shown."""
    return {name: value for name, value in hit.entity.items() if name not in _long_texts(hit.entity, stored)}


def _long_texts(entity: dict[str, Any], stored: Stored) -> set[str]:
    return {
        name for name in stored.searchable if isinstance(entity.get(name), str) and len(entity[name]) > 1000
    }


def _show_hits(stored: Stored, query: str, found: Any, fields: Sequence[str]) -> None:
    screen = console()
    parsed = parse_search(query)
    hits: list[SearchHit[dict[str, Any]]] = found.items
    first = found.page * found.per_page - found.per_page if isinstance(found, PaginatedResult) else 0
    for number, hit in enumerate(hits, first + 1):
        heading = _heading(hit.entity)
        line = Text(f"{number}. ", style="bold")
        line.append(visible(heading), style="bold cyan")
        line.append(f"  score {hit.score:,}", style="dim")
        screen.print(line, soft_wrap=True)
        screen.print(Text(f"   {visible(str(hit.entity['id']))}", style="dim"), soft_wrap=True)
        for path in fields:
            text = value_at(hit.entity, path)
            extract = marked(text, parsed, indent=3) if isinstance(text, str) and text != heading else None
            if extract is not None:
                screen.print(extract)
    if not hits:
        screen.print(f"nothing found in {stored.name}")
    _show_next(screen, found)


def _heading(entity: dict[str, Any]) -> str:
    named: list[str] = [
        entity[name] for name in ("path", "title", "name") if isinstance(entity.get(name), str)
    ]
    return named[0] if named else str(entity["id"])


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_)
    app.command("get")(get)
    app.command("search")(search)
    app.command("count")(count)
    app.command("explain")(explain)
