"""What PostgreSQL is asked: the text of each condition, its parameters, and the indexes that stand on the same text.

An index serves an expression only when it is written exactly alike, so the texts are written down. In the expected ones
``J[a.b]`` stands for the jsonb at that place of the document, ``T[a.b]`` for its string, ``N[a.b]`` for its number or
boolean; ``R[a.b]`` for its number where the kind is declared.
"""

import re

import pytest

from torematrix.core.storage import F, Index, QueryFilter, SortOrder, Unique
from torematrix.core.storage.backends.postgresql.compile import Sql, as_text, key_expressions
from torematrix.core.storage.backends.postgresql.plan import TablePlan, index_name, index_statements
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.query.cursors import segments_after
from torematrix.core.storage.query.normalise import condition_of, sort_of
from torematrix.core.storage.query.resolve import resolve
from torematrix.core.storage.testing.examples import Typed

TYPED = schema_of(Typed)
LOOSE = schema_of(dict, indexes=[Index("m.year", int), Index("m.any"), Index("m.name", str)])


def expanded(text):
    def place(match):
        keys = match[2].split(".")
        value = "->".join(["data", *(f"'{key}'" for key in keys)])
        inner = "->".join(["data", *(f"'{key}'" for key in keys[:-1])]) + f"->>'{keys[-1]}'"
        return {
            "J": value,
            "T": f"(CASE WHEN jsonb_typeof({value}) = 'string' THEN {inner} END) COLLATE \"C\"",
            "N": f"(CASE WHEN jsonb_typeof({value}) IN ('number', 'boolean') THEN {value} END)",
            "R": f"(CASE WHEN jsonb_typeof({value}) = 'number' THEN {value} END)",
        }[match[1]]

    return re.sub(r"\b([JTNR])\[([^\]]+)\]", place, text)


def compiled(schema, filters):
    sql = Sql()
    return sql.condition(condition_of(schema, filters)), sql.parameters


@pytest.mark.parametrize(
    ("filters", "expected", "parameters"),
    [
        (F("a") == 1, "N[a] = $1", ["1"]),
        (F("a") == 1.0, "N[a] = $1", ["1.0"]),
        (F("a") == True, "N[a] = $1", ["true"]),  # noqa: E712 - a filter, not a test
        (F("a") == "x", "T[a] = $1", ["x"]),
        (F("a.b") > 1, "(N[a.b] > $1 AND jsonb_typeof(J[a.b]) = 'number')", ["1"]),
        (F("a.b") > "x", "T[a.b] > $1", ["x"]),
        (F("a") != 1, "(N[a] = $1) IS NOT TRUE", ["1"]),
        (F("a").is_null(), "NULLIF(J[a], 'null') IS NULL", []),
        (F("a").is_null(False), "NULLIF(J[a], 'null') IS NOT NULL", []),
        (F("a").exists(), "J[a] IS NOT NULL", []),
        (F("a").in_([1, 2.5]), "N[a] = ANY ($1::jsonb[])", ['{"1","2.5"}']),
        (F("a").in_(["x", 'y"']), "T[a] = ANY ($1::text[])", ['{"x","y\\""}']),
        (F("a") == [1, {"b": 2}], "J[a] = $1::jsonb", ['[1,{"b":2}]']),
        (F("a").contains("x"), "(strpos(T[a], $1) > 0 OR J[a] @> $2::jsonb)", ["x", '["x"]']),
        (F("a").starts_with("x"), "(T[a] >= $1 AND T[a] < $2)", ["x", "y"]),
        (F("a").ends_with("xy"), "right(T[a], 2) = $1", ["xy"]),
        (F("a").like("x_%"), "((T[a] >= $1 AND T[a] < $2) AND T[a] LIKE $3)", ["x", "y", "x_%"]),
        (F("a").ilike("k%"), "T[a] ~ $1", ["\\A[Kk\u212a]"]),
        (F("a").matches("^x.y"), "T[a] ~ $1", ["\\Ax[^\\u000a]y"]),
        (F("m.year") == 5, "R[m.year] = $1", ["5"]),
        (F("m.year") > 5, "R[m.year] > $1", ["5"]),
        (F("m.year").is_null(), "R[m.year] IS NULL", []),
    ],
)  # fmt: skip
def test_conditions_on_documents(filters, expected, parameters):
    """Each operator reads the expression of its kind, and nothing but values is bound."""
    assert compiled(LOOSE, filters) == (expanded(expected), parameters)


def test_steps_into_lists():
    """An element is taken from a list alone: of a scalar PostgreSQL would give the scalar."""
    text, _ = compiled(LOOSE, F("a[1].b") == 1)
    element = "(CASE WHEN jsonb_typeof(data->'a') = 'array' THEN data->'a'->1 END)"
    assert f"{element}->'b'" in text


def test_elements():
    """Some element is a row of its own; what is equal to a whole is compared with the whole."""
    text, parameters = compiled(LOOSE, QueryFilter("a[*].n", "gt", 1))
    assert text.startswith(
        "EXISTS (SELECT 1 FROM jsonb_array_elements(CASE WHEN jsonb_typeof(data->'a') = 'array' THEN data->'a' END) "
        "AS e1(value) WHERE ("
    )
    assert "e1.value->'n'" in text
    assert parameters == ["1"]
    text, parameters = compiled(LOOSE, F("a").contains([1]))
    assert "e1.value = $1::jsonb" in text
    assert parameters == ["[1]"]


def test_many_values_are_hashed():
    """Above some number of values the array becomes a subquery, which is hashed, in one statement for any number."""
    texts = {
        compiled(LOOSE, F("a").in_([f"v{number}" for number in range(count)]))[0]
        for count in (65, 100, 5_000)
    }
    assert texts == {expanded("T[a] IN (SELECT unnest($1::text[]))")}


def columns():
    names = {"int": "bigint", "float": "double precision", "bool": "boolean", "bytes": "bytea"}
    return {field.name: names.get(field.scalar.kind.value, "text") for field in TYPED.columns}


def test_columns_need_no_guards():
    """A declared scalar is compared as the column it is."""
    kinds = columns()
    name = next(name for name, kind in kinds.items() if kind == "bigint")
    assert compiled(TYPED, QueryFilter(name, "gte", 5)) == (f'"{name}" >= $1', ["5"])
    assert compiled(TYPED, QueryFilter(name, "in", [1, 2])) == (
        f'"{name}" = ANY ($1::bigint[])',
        ['{"1","2"}'],
    )
    assert compiled(TYPED, QueryFilter("id", "is_null", True))[0] == "FALSE"
    raw = next(name for name, kind in kinds.items() if kind == "bytea")
    assert compiled(TYPED, QueryFilter(raw, "eq", b"\x01")) == (f'"{raw}" = $1', ["\\x01"])


def test_exact_numbers_compare_by_their_keys():
    """Of an ordered text the part that sorts is compared, and indexed."""
    field = next(field for field in TYPED.columns if field.scalar.kind.value == "decimal")
    expected = f"split_part(\"{field.column}\", ' ', 1)"
    assert compiled(TYPED, QueryFilter(field.name, "gt", 1))[0] == f"{expected} > $1"
    assert key_expressions(resolve(TYPED, field.name).target) == [expected]


@pytest.mark.parametrize("descending", [False, True])
def test_pages_begin_where_the_scan_does(descending):
    """The rows behind an edge are found by one comparison of rows where that says the same, else written out."""
    order = SortOrder.DESC if descending else SortOrder.ASC
    sign = "<" if descending else ">"
    keys = sort_of(LOOSE, "m.year", order)
    segments = segments_after(keys, [5, "x"])
    sql = Sql()
    assert sql.condition(segments[0]) == expanded(f'(R[m.year], "id") {sign} ($1, $2)')
    assert sql.parameters == ["5", "x"]
    nulls = Sql().condition(segments_after(keys, [None, "x"])[0])
    assert nulls == expanded(f'(R[m.year] IS NULL AND "id" {sign} $1)')
    other = SortOrder.ASC if descending else SortOrder.DESC
    mixed = sort_of(LOOSE, [("m.year", order), ("m.name", other)], order)
    assert "(R" not in Sql().condition(segments_after(mixed, [5, "a", "x"])[0])


def test_order():
    """Nulls come first ascending and last descending; the id is never null, and its index says nothing of nulls."""
    assert Sql().order(sort_of(LOOSE, "m.year", SortOrder.ASC)) == expanded('R[m.year] NULLS FIRST, "id"')
    assert Sql().order(sort_of(LOOSE, "m.year", SortOrder.DESC)) == expanded(
        'R[m.year] DESC NULLS LAST, "id" DESC'
    )


def test_indexes_stand_on_what_is_asked():
    """An index has exactly the expressions of queries; a place of no declared kind takes two."""
    for spec in LOOSE.indexes:
        statements = list(index_statements("docs", LOOSE, spec).values())
        [path] = spec.paths
        wanted = {"m.year": ["R[m.year]"], "m.name": ["T[m.name]"], "m.any": ["T[m.any]", "N[m.any]"]}[path]
        assert [
            expanded(f'ON "docs" (({place}) NULLS FIRST, id)') in text
            for place, text in zip(wanted, statements, strict=True)
        ] == [True] * len(wanted)
    unique = schema_of(dict, indexes=[Unique("a", int)])
    [text] = index_statements("docs", unique, unique.indexes[0]).values()
    assert text.startswith("CREATE UNIQUE INDEX")
    assert text.endswith(expanded("((R[a]) NULLS FIRST)"))


def test_names_of_indexes_fit_and_differ():
    """However long the names of collections and indexes are, their joint names fit and stay apart."""
    schema = schema_of(dict, indexes=[Index(f"{'p' * 40}{number}", int) for number in range(20)])
    long = "c" * 48
    names = [index_name(long, spec, second=second) for spec in schema.indexes for second in (False, True)]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 for name in names)


def test_rows_cross_as_text():
    """Every value goes out as text that its column reads, and None as None."""
    plan = TablePlan("typed", TYPED)
    kinds = columns()
    values = {"bigint": 5, "double precision": 0.1, "boolean": True, "bytea": "00ff", "text": "t"}
    row = tuple(values[kinds[field.name]] for field in TYPED.columns) + (
        ("{}",) if TYPED.has_document else ()
    )
    native = plan.to_native(row)
    assert all(isinstance(value, str) for value in native)
    assert plan.to_native((None,) * len(row)) == (None,) * len(row)
    assert [as_text(value) for value in (1, 1.5, True, False, "x")] == ["1", "1.5", "true", "false", "x"]
    back = [
        f"\\x{value}" if kinds[field.name] == "bytea" else value
        for field, value in zip(TYPED.columns, row, strict=False)
    ]
    assert plan.from_native((*back, *row[len(back) :])) == row
