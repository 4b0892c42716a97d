"""What SQLite is asked: the text of each condition, its parameters, and that indexes serve it.

The texts are written down because an index serves an expression only when it is written exactly alike, and because some
differences (a guard, a range in front of a pattern) show in speed alone. In the expected texts ``X[a.b]`` stands for
``json_extract`` at that place of the document and ``T[a.b]`` for ``json_type``; ``X1[a]`` and ``T1[a]`` for the same at
a place in the element e1.
"""

import re

import apsw
import pytest

from torematrix.core.storage import F, Index, QueryFilter
from torematrix.core.storage.backends.sqlite.compile import (
    Sql,
    compile_condition,
    compile_order,
    following,
    key_expression,
    native,
    type_expression,
    type_guard,
    value_expression,
)
from torematrix.core.storage.backends.sqlite.functions import register
from torematrix.core.storage.backends.sqlite.plan import index_statement
from torematrix.core.storage.model.kinds import Kind, Scalar
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.model.shapes import Anything
from torematrix.core.storage.query.conditions import (
    All,
    Compare,
    Comparison,
    Const,
    Either,
    HasElement,
    IsNull,
    Not,
    Target,
    TextTest,
    TextTests,
)
from torematrix.core.storage.query.cursors import segments_after
from torematrix.core.storage.query.normalise import condition_of, sort_of
from torematrix.core.storage.query.patterns import parse_like
from torematrix.core.storage.query.resolve import resolve
from torematrix.core.storage.testing.examples import EXAMPLES, Typed

TYPED = schema_of(Typed)
LOOSE = schema_of(dict, indexes=[Index("m.year", int)])
EACH = "EXISTS (SELECT 1 FROM json_each(CASE WHEN T[{0}] = 'array' THEN X[{0}] END) AS e1 WHERE {1})"
LIKED = "the pattern is matched by the library, row by row"
MATCHED = "the regular expression is matched by the library, row by row"
SAME = "deep equality is decided by the library, for the rows whose text is alike"


def each(path, test):
    return EACH.format(path, test)


def expanded(text):
    def place(match):
        function = "json_extract" if match[1] == "X" else "json_type"
        path = "$" + "".join(
            f"[{step[1:]}]" if step.startswith("#") else f'."{step}"' for step in match[3].split(".")
        )
        if not match[2]:
            return f"{function}(data, '{path}')"
        row = f"e{match[2]}"
        return f"(CASE WHEN {row}.type IN ('object', 'array') THEN {function}({row}.value, '{path}') END)"

    return re.sub(r"\b([XT])(\d?)\[([^\]]+)\]", place, text)


def compiled(schema, filters):
    sql = Sql()
    return compile_condition(condition_of(schema, filters), sql), sql


NUMBER = "IN ('integer', 'real')"
TYPED_TEXTS = [
    ("number", "eq", 1, '"number" = ?', [1]),
    ("number", "ne", 1, '("number" = ?) IS NOT TRUE', [1]),
    ("number", "gt", 1, '"number" > ?', [1]),
    ("number", "gte", 1, '"number" >= ?', [1]),
    ("number", "lt", 1, '"number" < ?', [1]),
    ("number", "lte", 1, '"number" <= ?', [1]),
    ("number", "between", (1, 2), '("number" >= ? AND "number" <= ?)', [1, 2]),
    ("number", "is_null", True, '"number" IS NULL', []),
    ("number", "is_null", False, '"number" IS NOT NULL', []),
    ("amount", "is_null", True, 'substr("amount", 1, instr("amount", \' \') - 1) IS NULL', []),
    ("amount", "is_null", False, 'substr("amount", 1, instr("amount", \' \') - 1) IS NOT NULL', []),
    ("number", "in", range(8), f'"number" IN ({", ".join("?" * 8)})', [*range(8)]),
    ("number", "in", range(9), '"number" IN (SELECT value FROM json_each(?))', ["[0,1,2,3,4,5,6,7,8]"]),
    ("number", "eq", 1.5, "0", []),
    ("number", "ne", 1.5, "1", []),
    ("flag", "eq", True, '"flag" = ?', [1]),
    ("text", "in", ["a", "b"], '"text" IN (?, ?)', ["a", "b"]),
    ("blob", "eq", b"\x00\xff", '"blob" = ?', [b"\x00\xff"]),
    ("blob", "in", [b"a", b"b"], '"blob" IN (?, ?)', [b"a", b"b"]),
    (
        "blob",
        "in",
        [bytes([at]) for at in range(9)],
        '"blob" IN (SELECT unhex(value) FROM json_each(?))',
        ['["00","01","02","03","04","05","06","07","08"]'],
    ),
    ("amount", "gte", 1, 'substr("amount", 1, instr("amount", \' \') - 1) >= ?', ["25000001"]),
    (
        "costs.a",
        "eq",
        1,
        "(substr(X[costs.a], 1, instr(X[costs.a], ' ') - 1) = ? AND T[costs.a] = 'text')",
        ["25000001"],
    ),
    (
        "costs.a",
        "in",
        [1, 2],
        "(substr(X[costs.a], 1, instr(X[costs.a], ' ') - 1) IN (?, ?) AND T[costs.a] = 'text')",
        ["25000001", "25000002"],
    ),
    ("part.name", "eq", "a", "(X[part.name] = ? AND T[part.name] = 'text')", ["a"]),
    (
        "tags",
        "eq",
        ["1.0", "a"],
        "CASE WHEN T[tags] = 'array' AND replace(X[tags], '.0', '') = ? THEN torematrix_same(X[tags], ?) END",
        ['["1","a"]', '["1.0","a"]'],
    ),
    (
        "sizes",
        "eq",
        {"b": 2, "a": 1},
        "CASE WHEN T[sizes] = 'object' AND replace(X[sizes], '.0', '') = ? THEN torematrix_same(X[sizes], ?) END",
        ['{"a":1,"b":2}', '{"a":1,"b":2}'],
    ),
    ("tags", "contains", "a", each("tags", "(e1.value = ? AND e1.type = 'text')"), ["a"]),
    ("tags[*]", "in", ["a", "b"], each("tags", "(e1.value IN (?, ?) AND e1.type = 'text')"), ["a", "b"]),
    (
        "prices",
        "contains",
        1,
        each("prices", "CASE WHEN e1.type = 'text' THEN (e1.value >= ? AND e1.value < ?) END"),
        ["25000001 ", "25000001!"],
    ),
    (
        "tags[*]",
        "like",
        "a%",
        each(
            "tags",
            "CASE WHEN e1.type = 'text' THEN ((e1.value >= ? AND e1.value < ?) AND e1.value GLOB ?) END",
        ),
        ["a", "b", "a*"],
    ),
    ("parts[*].size", "gt", 1, each("parts", f"(X1[size] > ? AND T1[size] {NUMBER})"), [1]),
    ("text", "like", "a%b", '(("text" >= ? AND "text" < ?) AND "text" GLOB ?)', ["a", "b", "a*b"]),
    ("text", "like", "%b", '"text" GLOB ?', ["*b"]),
    ("text", "like", "_b", '"text" GLOB ?', ["?b"]),
    ("text", "like", "%" + "a" * 255, '"text" GLOB ?', ["*" + "a" * 255]),
    ("text", "starts_with", "a", '("text" >= ? AND "text" < ?)', ["a", "b"]),
    ("text", "starts_with", "\U0010ffff", '"text" >= ?', ["\U0010ffff"]),
    ("text", "starts_with", "", '"text" IS NOT NULL', []),
    ("text", "ends_with", "ab", 'substr("text", -2) = ?', ["ab"]),
    ("text", "ends_with", "", '"text" IS NOT NULL', []),
    ("text", "contains", "ab", 'instr("text", ?) > 0', ["ab"]),
    ("text", "contains", "", '"text" IS NOT NULL', []),
    ("text", "regex", "a", 'torematrix_regex("text", ?, ?)', ["a", ""]),
    (
        "text",
        "ilike",
        "a",
        'torematrix_like("text", ?, 1)',
        ['{"segments":[["a"]],"from_start":true,"to_end":true}'],
    ),
]
LOOSE_TEXTS = [
    ("v", "eq", 1, f"(X[v] = ? AND T[v] {NUMBER})", [1]),
    ("v", "eq", "a", "(X[v] = ? AND T[v] = 'text')", ["a"]),
    ("v", "eq", True, "(X[v] = ? AND T[v] IN ('true', 'false'))", [1]),
    ("v", "is_null", True, "X[v] IS NULL", []),
    ("v", "is_null", False, "X[v] IS NOT NULL", []),
    ("v", "exists", True, "T[v] IS NOT NULL", []),
    ("v", "exists", False, "(T[v] IS NOT NULL) IS NOT TRUE", []),
    ("v.a[0]", "lt", "x", "(X[v.a.#0] < ? AND T[v.a.#0] = 'text')", ["x"]),
    ("v", "contains", None, each("v", "e1.value IS NULL"), []),
    ("v", "contains", 1, each("v", f"(e1.value = ? AND e1.type {NUMBER})"), [1]),
    ("v", "contains", 1.5, each("v", f"(e1.value = ? AND e1.type {NUMBER})"), [1.5]),
    (
        "v",
        "contains",
        "a",
        "(CASE WHEN T[v] = 'text' THEN instr(X[v], ?) > 0 END OR "
        + each("v", "(e1.value = ? AND e1.type = 'text')")
        + ")",
        ["a", "a"],
    ),
    (
        "v",
        "contains",
        [1],
        each(
            "v",
            "CASE WHEN e1.type = 'array' AND replace(e1.value, '.0', '') = ? THEN torematrix_same(e1.value, ?) END",
        ),
        ["[1]", "[1]"],
    ),
    (
        "v[*]",
        "eq",
        {},
        each(
            "v",
            "CASE WHEN e1.type = 'object' AND replace(e1.value, '.0', '') = ? THEN torematrix_same(e1.value, ?) END",
        ),
        ["{}", "{}"],
    ),
    (
        "v[*].a",
        "eq",
        [1],
        each(
            "v",
            "CASE WHEN T1[a] = 'array' AND replace(X1[a], '.0', '') = ? THEN torematrix_same(X1[a], ?) END",
        ),
        ["[1]", "[1]"],
    ),
    (
        "v[*].a[*]",
        "eq",
        1,
        each(
            "v",
            "EXISTS (SELECT 1 FROM json_each(CASE WHEN T1[a] = 'array' THEN "
            "CASE WHEN e1.type IN ('object', 'array') THEN json_extract(e1.value, '$.\"a\"') END END) AS e2 "
            f"WHERE (e2.value = ? AND e2.type {NUMBER}))",
        ),
        [1],
    ),
    ("v[*].a", "exists", True, each("v", "T1[a] IS NOT NULL"), []),
    ("v[*].a", "is_null", True, each("v", "X1[a] IS NULL"), []),
    ("v[*].a", "is_null", False, each("v", "X1[a] IS NOT NULL"), []),
    ("v[*].a", "in", [1, 2], each("v", f"(X1[a] IN (?, ?) AND T1[a] {NUMBER})"), [1, 2]),
    (
        "v[*].a",
        "starts_with",
        "a",
        each("v", "CASE WHEN T1[a] = 'text' THEN (X1[a] >= ? AND X1[a] < ?) END"),
        ["a", "b"],
    ),
    (
        "v",
        "like",
        "a_",
        "CASE WHEN T[v] = 'text' THEN ((X[v] >= ? AND X[v] < ?) AND X[v] GLOB ?) END",
        ["a", "b", "a?"],
    ),
    ("v", "regex", "(?i)a", "CASE WHEN T[v] = 'text' THEN torematrix_regex(X[v], ?, ?) END", None),
    ("m.year", "in", [1, 2], f"(X[m.year] IN (?, ?) AND T[m.year] {NUMBER})", [1, 2]),
]
TEXTS = [
    *(pytest.param(TYPED, *item, id=f"typed {item[:2]} {at}") for at, item in enumerate(TYPED_TEXTS)),
    *(pytest.param(LOOSE, *item, id=f"loose {item[:2]} {at}") for at, item in enumerate(LOOSE_TEXTS)),
]


@pytest.mark.parametrize(("schema", "path", "operator", "value", "text", "parameters"), TEXTS)
def test_the_text_of_a_filter(schema, path, operator, value, text, parameters):
    """Each condition has one text, its parameters stand in the order of the placeholders."""
    found, sql = compiled(schema, QueryFilter(path, operator, value))
    assert found == expanded(text)
    if parameters is not None:
        assert sql.parameters == parameters
        assert list(map(type, sql.parameters)) == list(map(type, parameters))


def test_logic():
    """And, or and not keep their meaning in any nesting; NOT NULL is not turned round twice."""
    one, two = F("number") == 1, F("ratio") == 2.0
    assert compiled(TYPED, one & two)[0] == '("number" = ? AND "ratio" = ?)'
    assert compiled(TYPED, one | two)[0] == '("number" = ? OR "ratio" = ?)'
    assert compiled(TYPED, ~(one | two))[0] == '(("number" = ? OR "ratio" = ?)) IS NOT TRUE'
    assert compiled(TYPED, None)[0] == "1"
    assert compiled(TYPED, ~(one & ~one) & F("number").in_([]))[0] == "0"
    target = resolve(TYPED, "number").target
    assert compile_condition(Not(IsNull(target)), Sql()) == '"number" IS NOT NULL'
    assert compile_condition(Not(Const(False)), Sql()) == "(0) IS NOT TRUE"


def test_many_branches_become_a_tree():
    """Up to 32 branches stand side by side; more are halved, so that SQLite's depth is never reached."""
    target = resolve(TYPED, "number").target
    branches = [Compare(target, Comparison.EQ, at) for at in range(2_000)]
    for kind, word in ((Either, "OR"), (All, "AND")):
        for count in (1, 2, 31, 32):
            sql = Sql()
            text = compile_condition(kind(tuple(branches[:count])), sql)
            assert text == "(" + f" {word} ".join(['"number" = ?'] * count) + ")"
            assert sql.parameters == [*range(count)]
        sql = Sql()
        text = compile_condition(kind(tuple(branches[:33])), sql)
        halves = ("(" + f" {word} ".join(['"number" = ?'] * count) + ")" for count in (16, 17))
        assert text == "(" + f" {word} ".join(halves) + ")"
        assert sql.parameters == [*range(33)]
        connection = apsw.Connection(":memory:")
        connection.execute("CREATE TABLE t (number INTEGER)")
        sql = Sql()
        text = compile_condition(kind(tuple(branches)), sql)
        assert list(connection.execute(f"SELECT 1 FROM t WHERE {text}", sql.parameters)) == []


def test_what_the_library_answers_is_named():
    """``explain()`` says which part of a filter SQLite asks the library about."""
    for filters, emulated in (
        (F("text").ilike("a"), [LIKED]),
        (F("text").like("a%"), []),
        (F("text").like("%" + "a" * 256), [LIKED]),
        (F("text").matches("a"), [MATCHED]),
        (F("tags") == ["a"], [SAME]),
        (F("tags").contains("a"), []),
        (F("text").contains("a"), []),
        (F("text").matches("a") & F("text").ilike("a"), [MATCHED, LIKED]),
    ):
        assert compiled(TYPED, filters)[1].emulated == emulated


def test_patterns_that_glob_cannot_take():
    """Above 256 bytes the library matches a pattern, in the same case; the range in front stays."""
    pattern = "b" * 10 + "%" + "\u00e9" * 123
    assert compiled(TYPED, F("text").like(pattern[:-1] + "a"))[0].endswith("GLOB ?)")
    text, sql = compiled(TYPED, F("text").like(pattern + "\u00e9\u00e9"))
    assert text == '(("text" >= ? AND "text" < ?) AND torematrix_like("text", ?, 0))'
    assert len(sql.parameters) == 3
    assert compiled(LOOSE, F("v").ilike("a"))[0] == expanded(
        "CASE WHEN T[v] = 'text' THEN torematrix_like(X[v], ?, 1) END"
    )


def test_a_column_that_cannot_hold_the_value():
    """A comparison across kinds that reaches a column is false; nothing is bound for it."""
    number, text, flag = (resolve(TYPED, name).target for name in ("number", "text", "flag"))
    from torematrix.core.storage.query.conditions import In, Like

    for condition in (
        Compare(number, Comparison.EQ, "1"),
        Compare(number, Comparison.EQ, True),
        Compare(text, Comparison.EQ, 1),
        Compare(flag, Comparison.EQ, 1),
        In(number, ("1", "2")),
        In(flag, (1, 2)),
        TextTest(number, TextTests.CONTAINS, "1"),
        Like(number, parse_like("1"), False),
    ):
        sql = Sql()
        assert compile_condition(condition, sql) == "0"
        assert sql.parameters == []
    # A place in the document may hold another kind than the declared one, so there the guard decides.
    size = resolve(TYPED, "part.size").target
    text = expanded("(X[part.size] = ? AND T[part.size] = 'text')")
    assert compile_condition(Compare(size, Comparison.EQ, "1"), Sql()) == text
    assert compile_condition(In(number, (1,)), Sql()) == '"number" IN (?)'


def test_substring_indexes_stand_in_front():
    """What a substring index knows narrows the rows, outside of the guard, and is bound first."""
    seen = []

    def candidate(sql, target, condition):
        seen.append((target.text, type(condition).__name__))
        return f"candidate({sql.bind('first')})"

    sql = Sql(trigram=candidate)
    assert compile_condition(condition_of(TYPED, F("text").contains("abc")), sql) == (
        '(candidate(?) AND instr("text", ?) > 0)'
    )
    assert sql.parameters == ["first", "abc"]
    sql = Sql(trigram=candidate)
    text = compile_condition(condition_of(LOOSE, F("v").like("abc")), sql)
    assert text.startswith("(candidate(?) AND CASE WHEN ")
    assert seen == [("text", "TextTest"), ("v", "Like")]
    sql = Sql(trigram=lambda *_: None)
    assert compile_condition(condition_of(TYPED, F("text").contains("abc")), sql) == 'instr("text", ?) > 0'


def test_elements_are_told_apart():
    """Each list that is walked has its own alias, side by side and nested."""
    text, sql = compiled(LOOSE, (F("v[*]") == 1) & (F("w[*].a[*]") == 2))
    assert [f"AS e{at} " in text for at in (1, 2, 3)] == [True, True, True]
    assert sql.elements == 3
    assert sql.parameters == [1, 2]


def test_an_element_is_a_canonical_value():
    """Anything else would be a mistake of the library's own."""
    target = resolve(LOOSE, "v").target
    with pytest.raises(TypeError):
        compile_condition(HasElement(target, b"x"), Sql())


def test_orders():
    """Sorting uses the expressions that comparing and the indexes use."""
    for schema, sort_by, text in (
        (TYPED, "number", '"number", "id"'),
        (TYPED, [("number", "desc")], '"number" DESC, "id" DESC'),
        (TYPED, [("number", "desc"), "text"], '"number" DESC, "text", "id"'),
        (TYPED, "amount", 'substr("amount", 1, instr("amount", \' \') - 1), "id"'),
        (TYPED, [("part.size", "desc")], 'X[part.size] DESC, "id" DESC'),
        (LOOSE, "m.year", 'X[m.year], "id"'),
    ):
        assert compile_order(sort_of(schema, sort_by, "asc")) == expanded(text)


def test_expressions_of_places():
    """A column is its name; a place in the document is read by its path; an element by its row."""
    number = resolve(TYPED, "number").target
    assert value_expression(number) == key_expression(number) == '"number"'
    assert type_guard(number, "number") is None
    place = resolve(LOOSE, "v.a").target
    assert value_expression(place) == key_expression(place) == expanded("X[v.a]")
    assert type_expression(place) == expanded("T[v.a]")
    assert type_guard(place, "string") == expanded("T[v.a] = 'text'")
    assert type_guard(place, "bool") == expanded("T[v.a] IN ('true', 'false')")
    element = Target("v", (), Anything(), nullable=True, in_element=True)
    assert (value_expression(element, "e7"), type_expression(element, "e7")) == ("e7.value", "e7.type")


def test_operands_as_stored():
    """A bool is 0 or 1, bytes are bytes in a column and hexadecimal text in the document, others are as they are."""
    blob, number, place = (
        resolve(TYPED, "blob").target,
        resolve(TYPED, "number").target,
        resolve(LOOSE, "v").target,
    )
    assert [native(number, value) for value in (True, False, 5, 1.5)] == [1, 0, 5, 1.5]
    assert type(native(number, True)) is int
    assert native(blob, "00ff") == b"\x00\xff"
    assert native(place, "00ff") == "00ff"
    assert native(Target("v", ("v",), Scalar(Kind.BYTES), nullable=True), "00ff") == "00ff"


@pytest.mark.parametrize(
    ("prefix", "after"),
    [
        ("a", "b"),
        ("ab", "ac"),
        ("\ud7ff", "\ue000"),
        ("a\ud7ff", "a\ue000"),
        ("\ud7fe", "\ud7ff"),
        ("\U0010ffff", None),
        ("a\U0010ffff", "b"),
        ("a\U0010ffff\U0010ffff", "b"),
        ("\U0010fffe", "\U0010ffff"),
        ("\uffff", "\U00010000"),
    ],
)
def test_the_text_after_every_text_with_a_prefix(prefix, after):
    """The smallest text above them all, by code point; surrogates are skipped."""
    assert following(prefix) == after


def test_parameters_are_not_shared():
    """Two pieces of SQL have parameters, elements and notes of their own."""
    one, two = Sql(), Sql()
    assert one.bind("x") == "?"
    one.emulated.append("x")
    assert (two.parameters, two.emulated, two.elements) == ([], [], 0)
    assert two.trigram is None


# ------------------------------------------------------------------------------------------------ indexes


@pytest.mark.parametrize(
    ("filters", "served"),
    [
        (F("number") == 1, True),
        (F("number") > 1, True),
        (F("number").between(1, 2), True),
        (F("number").in_([1, 2]), True),
        (F("number").in_(range(100)), True),
        (F("number").is_null(), True),
        (F("text") == "a", True),
        (F("text").starts_with("a"), True),
        (F("text").like("a%b"), True),
        (F("text").like("%b"), False),
        (F("amount") >= 1, True),
        (F("amount").is_null(), True),
        (F("part.size") == 1, True),
        (F("part.size").in_([1, 2]), True),
        (F("part.name").starts_with("a"), False),
        (F("ratio") == 1, False),
    ],
    ids=str,
)
def test_an_index_serves_the_filter(filters, served):
    """SQLite looks rows up by the index, instead of reading them all."""
    plan = planned(condition_of(INDEXED, filters))
    assert plan.startswith("SEARCH") is served, plan


@pytest.mark.parametrize(
    ("sort_by", "values", "plan"),
    [
        ("number", (7, "x"), "(number,id)>(?,?)"),
        ([("number", "desc")], (7, "x"), "(number,id)<(?,?)"),
        ("id", ("x",), "id>?"),
        ("amount", ("a", "x"), "<expr>>?"),
        ("part.size", (7, "x"), "<expr>>?"),
        ([("number", "asc"), ("id", "desc")], (7, "x"), "number>?"),
    ],
    ids=str,
)
def test_a_page_begins_at_its_edge(sort_by, values, plan):
    """However many entities share the first key, the scan begins at the edge; elsewhere where that key begins."""
    segment = segments_after(sort_of(INDEXED, sort_by, "asc"), values)[0]
    assert plan in planned(segment)


INDEXED = schema_of(
    Typed, indexes=[Index(path) for path in ("number", "text", "amount", "part.size", "part.name")]
)


def planned(condition):
    """How SQLite goes about finding the rows, in its own words."""
    connection = apsw.Connection(":memory:")
    register(connection)
    columns = ", ".join(
        f'"{item.column}"{" UNIQUE NOT NULL" * (item.column == "id")}' for item in INDEXED.columns
    )
    connection.execute(f'CREATE TABLE "t" (seq INTEGER PRIMARY KEY, {columns}, data TEXT)')
    for spec in INDEXED.indexes:
        connection.execute(index_statement("t", INDEXED, spec))
    sql = Sql()
    text = compile_condition(condition, sql)
    steps = connection.execute(f'EXPLAIN QUERY PLAN SELECT 1 FROM "t" WHERE {text}', sql.parameters)
    return "; ".join(step[3] for step in steps)


def test_every_example_compiles_to_as_many_placeholders_as_parameters():
    """No parameter is left out or bound twice."""
    for example in EXAMPLES:
        text, sql = compiled(LOOSE if example.loose else TYPED, example.filters)
        assert text.count("?") == len(sql.parameters)
