"""list, get, search, count and explain: on what the program imported, and on collections of other programs."""

from __future__ import annotations

import datetime as dt
import enum
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest

from torematrix.core.storage import Big, Index, Searchable, Storage, Unique


class Status(enum.Enum):
    OPEN = "open"
    DONE = "done"


@dataclass
class Line:
    price: Decimal
    note: str = ""


@dataclass
class Order:
    number: Annotated[str, Unique()]
    note: Annotated[str, Searchable(2)] = ""
    status: Annotated[Status, Index()] = Status.OPEN
    total: Decimal = Decimal(0)
    due: dt.date | None = None
    serial: Annotated[int, Big()] = 0
    raw: bytes = b""
    labels: set[str] = field(default_factory=set)
    lines: list[Line] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    created_at: dt.datetime | None = None


@pytest.fixture
def orders(url: str) -> str:
    """A collection that another program made, of a class that this one does not have."""
    with Storage.open(url) as storage:
        storage.repository(Order, "orders", indexes=[Index("meta.year", int)]).bulk_create(
            [
                Order(
                    number=f"2024-{number:03}",
                    note=f"Order of **tea** number {number}",
                    status=Status.DONE if number % 3 == 0 else Status.OPEN,
                    total=Decimal(number) * Decimal("1.10"),
                    due=dt.date(2024, 1, 1 + number),
                    serial=2**70 + number,
                    raw=bytes([number]),
                    labels={"b", "a", f"l{number}"},
                    lines=[Line(Decimal("0.50"), "first"), Line(Decimal(number))],
                    meta={"year": 2000 + number, "a b": {"c=d": number}},
                    id=f"o{number:02}",
                )
                for number in range(1, 13)
            ]
        )
    return url


def ids(result) -> list[str]:
    assert result.code == 0, result.err
    return [item["id"] for item in result.json["items"]]


def test_any_collection_is_shown_whole(run, orders) -> None:
    """Values of every declared type come as JSON that says what they are, and the same every time."""
    found = run("get", "o07", "--json").json
    created = found.pop("created_at")
    assert dt.datetime.fromisoformat(created).tzinfo is not None
    assert found == {
        "number": "2024-007",
        "note": "Order of **tea** number 7",
        "status": "open",
        "total": "7.70",
        "due": "2024-01-08",
        "serial": 2**70 + 7,
        "raw": "Bw==",
        "labels": ["a", "b", "l7"],
        "lines": [{"price": "0.50", "note": "first"}, {"price": "7", "note": ""}],
        "meta": {"year": 2007, "a b": {"c=d": 7}},
        "id": "o07",
    }
    text = run("get", "o07").out
    assert "2024-007" in text
    assert '"year":2007' in text


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["status==done"], ["o03", "o06", "o09", "o12"]),
        (["status = done", "total >= 6.6"], ["o06", "o09", "o12"]),
        (["total<2.2"], ["o01"]),
        (["total==2.20"], ["o02"]),
        (["due > 2024-01-11"], ["o11", "o12"]),
        (['due between ["2024-01-03", "2024-01-04"]'], ["o02", "o03"]),
        (["due between 2024-01-03, 2024-01-04"], ["o02", "o03"]),
        (["number in 2024-001,2024-002"], ["o01", "o02"]),
        (['number in ["2024-001"]'], ["o01"]),
        (["number not_in 2024-001", "meta.year<=2002"], ["o02"]),
        (["labels contains l5"], ["o05"]),
        (["lines[*].price == 12"], ["o12"]),
        (["lines[1].price==3"], ["o03"]),
        (['meta["a b"]["c=d"] == 4'], ["o04"]),
        (["note like %number 1_"], ["o10", "o11", "o12"]),
        (["note ends_with 2"], ["o02", "o12"]),
        (["note regex number 1[12]$"], ["o11", "o12"]),
        (["note ilike %NUMBER 12"], ["o12"]),
        (["due is_null"], []),
        (["due is_null true"], []),
        (["meta.none exists"], []),
        (["meta.year exists true", "meta.year == 2001"], ["o01"]),
        (["serial==1180591620717411303425"], ["o01"]),
    ],
)
def test_filters(run, orders, filters: list[str], expected: list[str]) -> None:
    """Every operator, with values as JSON or as text; several filters must all hold."""
    options = [part for text in filters for part in ("--filter", text)]
    result = run("list", *options, "--json")
    assert ids(result) == expected
    assert run("count", *options).out == f"{len(expected)}\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("status", "OPERATOR"),
        ("", "OPERATOR"),
        ("status ==", "value is missing"),
        ("status is active", "operators are"),
        ("nothing==1", "declares no field"),
        ("status.x==1", "status"),
        ("total between 1", "total"),
        ("due==soon", "due"),
        ("due is_null maybe", "true, false"),
        ("note regex (", "note"),
        ("note regex (a+)+$", "note"),
        ("__class__.__init__ == 1", "declares no field"),
        ("status; DROP TABLE orders == 1", "unknown operator"),
        ("lines[9999999999] == 1", "path"),
        ("note == \x00", "note"),
        ("raw == 01", "raw"),
    ],
)
def test_bad_filters_are_refused(run, orders, text: str, word: str) -> None:
    """With exit code 2 and one line that says what is wrong; nothing is evaluated."""
    result = run("list", "--filter", text)
    assert result.code == 2
    assert word in result.complaint


def test_sorts(run, orders) -> None:
    """Several keys, in either direction, at typed places too; what cannot be sorted by is refused."""
    assert ids(run("list", "--sort", "-total", "-n", "2", "--json")) == ["o12", "o11"]
    assert ids(run("list", "-s", "status", "-s", "-meta.year", "-n", "5", "--json")) == [
        "o12",
        "o09",
        "o06",
        "o03",
        "o11",
    ]
    assert ids(run("list", "-s", "due desc", "-n", "1", "--json")) == ["o12"]
    refused = run("list", "--sort", "labels")
    assert refused.code == 2
    assert "labels" in refused.complaint


@pytest.mark.parametrize("sort", [[], ["-s", "status", "-s", "-total"]])
@pytest.mark.parametrize("limit", [1, 5, 12, 50])
def test_pages_add_up(run, orders, sort: list[str], limit: int) -> None:
    """Walking by cursor, in both directions, and by number gives the whole list, each entity once."""
    everything = ids(run("list", *sort, "-n", "100", "--json"))
    assert len(everything) == 12
    walked: list[str] = []
    page = run("list", *sort, "-n", limit, "--json")
    while True:
        walked += ids(page)
        assert page.json["total"] == 12
        if page.json["next"] is None:
            break
        page = run("list", *sort, "-n", limit, "--after", page.json["next"], "--json")
    assert walked == everything
    back = ids(page)
    while page.json["previous"] is not None:
        page = run("list", *sort, "-n", limit, "--before", page.json["previous"], "--json")
        back = ids(page) + back
    assert back == everything
    numbered: list[str] = []
    for number in range(1, -(-12 // limit) + 1):
        page = run("list", *sort, "-n", limit, "--page", number, "--json")
        numbered += ids(page)
        assert (page.json["pages"], page.json["total"]) == (-(-12 // limit), 12)
    assert numbered == everything


def test_cursors_are_checked(run, orders) -> None:
    """A cursor of another question, or of nobody's making, is refused in one line."""
    cursor = run("list", "-n", "1", "--json").json["next"]
    for options in (
        ["--after", "x"],
        ["--after", cursor, "-s", "total"],
        ["--after", cursor[:-2]],
        ["--after", ""],
    ):
        result = run("list", *options)
        assert result.code == 2
        assert "cursor" in result.complaint
    both = run("list", "--after", cursor, "--page", "2")
    assert both.code == 2
    assert "--page" in both.complaint


def test_tables(run, orders) -> None:
    """The id whole, the columns asked for, and where the next page is."""
    result = run("list", "-n", "2", "--columns", "id,meta.year,lines[1].price,nothing")
    assert result.code == 0
    for text in ("o01", "2001", "lines[1].price", "2 of 12 in orders", "next page: --after "):
        assert text in result.out
    assert "o03" not in result.out
    everything = run("list").out
    assert all(f"o{number:02}" in everything for number in range(1, 13))
    assert "next page" not in everything
    picked = run("list", "-n", "1", "--columns", "id,meta.year", "--json").json["items"]
    assert picked == [{"id": "o01", "meta.year": 2001}]


def test_searches(run, corpus: Path) -> None:
    """Words, phrases, prefixes, exclusions and fields; found with score, id, path and marked extracts."""
    run("import", corpus)

    def titles(*arguments: object) -> list[str]:
        result = run("search", "--json", *arguments)
        assert result.code == 0
        return sorted(item["entity"]["title"] for item in result.json["items"])

    assert titles("tea") == ["On tea", "brew.py"]
    assert titles("cafe") == ["Brewing guide"]
    assert titles('"green tea"') == ["On tea"]
    assert titles("brew*") == ["Brewing guide", "brew.py"]
    assert titles("--", "tea", "-green") == ["brew.py"]
    assert titles("morning", "OR", "boil") == ["Brewing guide", "coffee.txt"]
    assert titles("--field", "title", "tea") == ["On tea"]
    assert titles("tea", "-f", "kind==python") == ["brew.py"]
    assert titles('"') == []
    item = run("search", "tea", "--json").json["items"][0]
    assert item["score"] > 0
    assert "**tea**" in item["snippets"]["content"]
    shown = run("search", "tea").out
    assert str(corpus / "tea.md") in shown
    assert item["entity"]["id"] in shown
    assert "score" in shown
    assert "nothing found" in run("search", "absinthe").out


def test_search_pages(run, orders) -> None:
    """By cursor, forward, and by number with the total."""
    first = run("search", "tea", "-n", "5", "--json").json
    second = run("search", "tea", "-n", "5", "--after", first["next"], "--json").json
    third = run("search", "tea", "-n", "5", "--after", second["next"], "--json").json
    assert third["next"] is None
    found = [item["entity"]["id"] for page in (first, second, third) for item in page["items"]]
    assert len(set(found)) == len(found) == 12
    numbered = run("search", "tea", "-n", "5", "--page", "3", "--json").json
    assert [item["entity"]["id"] for item in numbered["items"]] == found[10:]
    assert numbered["total"] == 12
    assert "11. " in run("search", "tea", "-n", "5", "--page", "3").out


def test_only_what_is_searchable_is_searched(run, orders, people: Path) -> None:
    """A field that is none, and a collection without any, are refused with the next step."""
    wrong = run("search", "tea", "--field", "number")
    assert wrong.code == 2
    assert "searchable" in wrong.complaint
    run("import", people, "-c", "people")
    none = run("search", "tea", "-c", "people")
    assert none.code == 2
    assert "searchable" in none.complaint


def test_counts_by_field(run, orders) -> None:
    """Every value with its number, in order."""
    assert run("count", "--by", "status", "--json").json == {
        "collection": "orders",
        "by": "status",
        "counts": [{"value": "done", "count": 4}, {"value": "open", "count": 8}],
    }
    assert "done" in run("count", "--by", "status", "-f", "total>5").out
    refused = run("count", "--by", "labels")
    assert refused.code == 2
    assert "labels" in refused.complaint


def test_explanations(run, orders) -> None:
    """The statement, the plan, and whether an index finds the rows."""
    served = run("explain", "list", "-f", "status==done", "--json").json
    assert served["uses_index"] is True
    assert "SELECT" in served["statements"][0]
    unserved = run("explain", "count", "-f", "note==x")
    assert "every row is read" in unserved.out
    assert run("explain", "search", "tea", "--json").json["operation"] == "search"
    assert run("explain", "get", "o01", "--json").json["uses_index"] is True
    assert run("explain", "delete").code == 2


def test_the_collection_is_chosen(run, orders, corpus: Path, people: Path, url: str) -> None:
    """The only one, or documents, or the one named; otherwise the names are given."""
    assert run("count", "--json").json["collection"] == "orders"
    run("import", people)
    ambiguous = run("count")
    assert ambiguous.code == 2
    assert "orders, records" in ambiguous.complaint
    run("import", corpus)
    assert run("count", "--json").json["collection"] == "documents"
    missing = run("list", "-c", "order")
    assert missing.code == 3
    assert "orders" in missing.complaint
    for name in ("", "a b", "x; DROP TABLE orders", "sqlite_master", "torematrix_meta"):
        assert run("list", "-c", name).code == 3


def test_asking_changes_nothing(run, orders, tmp_path: Path) -> None:
    """Not the file of a database, nor another SQLite database, nor a folder without one."""
    path = tmp_path / "test.db"
    before = path.read_bytes()
    for command in (
        ["list"],
        ["count"],
        ["search", "tea"],
        ["get", "o01"],
        ["explain", "list"],
        ["info"],
        ["check"],
        ["export"],
    ):
        assert run(*command).code == 0, command
    assert path.read_bytes() == before
    import apsw

    other = tmp_path / "other.db"
    with apsw.Connection(str(other)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = other.read_bytes()
    for command in ("list", "info", "check", "vacuum", "export"):
        refused = run(command, "--storage", other)
        assert refused.code == 1
        assert "not a database of this library" in refused.complaint
    assert other.read_bytes() == before
    for command in ("list", "info", "check", "vacuum", "export"):
        missing = run(command, "--storage", tmp_path / "nowhere" / "x.db")
        assert missing.code == 3
        assert "import" in missing.complaint
    assert not (tmp_path / "nowhere").exists()


def test_nothing_stored_moves_the_terminal(run, tmp_path: Path) -> None:
    """Escapes, reversals and line ends in stored text are shown as such, in tables, lists, extracts and errors."""
    evil = "\x1b[2J\x9b31m\u202etea\r\x07\nmore"
    path = tmp_path / "evil.jsonl"
    path.write_text(json.dumps({"id": "e\x1bvil", "name": evil, "k\x1b": 1}))
    run("import", path, "-c", "evil", "--searchable", "name")
    shown = [
        run("list").out,
        run("get", "e\x1bvil").out,
        run("search", "tea").out,
        run("get", "no\x1b[1m").err,
        run("list", "-f", "x\x1b==").err,
    ]
    assert not set("".join(shown)) & {"\x1b", "\x9b", "\u202e", "\x07", "\r"}
    encoded = [run("list", "--json").out, run("export").out]
    assert not set("".join(encoded)) & {"\x1b", "\x9b", "\x07", "\r"}
    assert run("list", "--json").json["items"][0]["name"] == evil
