"""Inputs that would leave a quoted literal, an identifier, a JSON path, a sort key or an alias of SQL."""

from __future__ import annotations

from typing import Final

from .origin import CANARY, Origin

# ruff: noqa: S608 - statements that are never sent are what this module holds

__all__ = ["SQL"]

_DROP: Final = f"DROP TABLE {CANARY}"
_WIPE: Final = f"DELETE FROM {CANARY}"

SQL: Final[tuple[Origin, ...]] = (
    Origin(
        "CVE-2019-14234",
        "Django put the key of a JSONField lookup between quotes without doubling those inside",
        (
            f"meta' = 'x') OR 1=1; {_DROP}; --",
            "meta'->>'x",
            "a')) = '1' OR 1 = 1 OR (('x",
            "meta__x' = '\"a\"') OR 1 = 1 --",
            "k'::jsonb ? 'x",
        ),
    ),
    Origin(
        "CVE-2024-42005",
        "Django made a JSON key that was passed to values() the alias of a column, unescaped",
        (
            'meta__x" FROM pg_class; --',
            f'"; {_DROP}; --',
            'x" AS "y',
            '" UNION SELECT name, sql FROM sqlite_master --',
        ),
    ),
    Origin(
        "CVE-2022-28346",
        "Django took aliases of annotate() and aggregate() from the keys of an expanded dictionary",
        (
            f'total" FROM {CANARY}; {_DROP}; --',
            'injected_name" from "sqlite_master"--',
            "a b",
            "total;--",
            "count(*) AS x",
            "*",
        ),
    ),
    Origin(
        "CVE-2022-28347",
        "Django put the names of options of explain() into the statement",
        ("ANALYZE", "analyze) SELECT pg_sleep(5); --", "verbose=true, analyze", "QUERY PLAN", "format, json"),
    ),
    Origin(
        "CVE-2022-34265",
        "Django put the kind of Trunc() and Extract() between quotes, whatever it was",
        (
            "year', created_at)) OR 1=1; --",
            "year FROM created_at)) OR (EXTRACT(year",
            "day' FROM now()); SELECT pg_sleep(5); --",
        ),
    ),
    Origin(
        "CVE-2020-9402",
        "Django put the tolerance of GIS functions into the statement as it came",
        ("0.05)))) FROM dual WHERE 1=1 OR ((((1", "1) OR 1=1 -- ", "0.5 OR 1=1"),
    ),
    Origin(
        "CVE-2020-7471",
        "Django put the delimiter of StringAgg between quotes, whatever it held",
        (
            f"-') FROM {CANARY} LIMIT 1 OFFSET 1 -- ",
            "', '') || version() || ('",
            "';SELECT pg_sleep(5);--",
        ),
    ),
    Origin(
        "CVE-2021-35042",
        "Django took a dotted name in order_by() for a column of a table, without a look at it",
        (
            f"{CANARY}.title",
            f"{CANARY}.title) , (SELECT 1",
            "id); SELECT pg_sleep(5); --",
            "a.b;--",
            "documents.title);update documents set title=1;--",
        ),
    ),
    Origin(
        "CVE-2024-53908",
        "Django put the left side of a HasKey lookup into a JSON path on Oracle",
        ("x') OR JSON_EXISTS(data, '$.y", '$."x"?(@ == 1)', "$.x) IS NOT NULL OR ($.y"),
    ),
    Origin(
        "CVE-2025-57833",
        "Django's FilteredRelation let an alias with quotes through",
        (f'rel" ON 1=1; {_DROP}; --', 'T1" WHERE 1=1 --', "rel`; --"),
    ),
    Origin(
        "CVE-2025-13372",
        "the same with dollar signs, which quote on PostgreSQL",
        ("$$ OR 1=1 $$", "a$b$ c $b$", "$tag$; SELECT 1; $tag$", f"$${_DROP}$$"),
    ),
    Origin(
        "CVE-2025-64459",
        "Django joined conditions with whatever word came as _connector",
        ("_connector", "OR 1=1 OR", "AND 1=1) OR (1=1", "_negated", ") UNION SELECT 1, 2 --"),
    ),
    Origin(
        "CVE-2026-1287",
        "Django let control characters into aliases, which broke out of a comment",
        ("alias\n; DROP TABLE x; --", "a\tb", "alias\r\n--", "a\x0bb", "a\x1f OR 1=1", "x\x08\x08"),
    ),
    Origin(
        "CVE-2026-1312",
        "Django took an alias with a dot in order_by() for a table and a column",
        ('rel.x" DESC; --', "rel.title", 'a"."b', "a.b.c.d", "..", "a."),
    ),
    Origin(
        "CVE-2019-7164",
        "SQLAlchemy took any text in order_by() for SQL",
        (
            "if(1=1,created_at,title)",
            "CASE WHEN (SELECT 1)=1 THEN id ELSE title END",
            "(SELECT title FROM sqlite_master LIMIT 1)",
            "id ASC, (SELECT pg_sleep(5))",
            "id; DROP TABLE x",
            "id DESC NULLS LAST, random()",
            "-title",
            "1",
        ),
    ),
    Origin(
        "CVE-2019-7548",
        "SQLAlchemy took any text in group_by() for SQL",
        (
            "status HAVING 1=1",
            "status WITH ROLLUP",
            "GROUPING SETS ((), (status))",
            "status); SELECT 1 FROM x GROUP BY (status",
        ),
    ),
    Origin(
        "CVE-2026-26198",
        "ormar put the column of min() and max() into text()",
        (
            f"(SELECT title FROM {CANARY} LIMIT 1)",
            "number) FROM x --",
            "number), (SELECT 1",
            "DISTINCT number",
        ),
    ),
    Origin(
        "CVE-2020-11010",
        "Tortoise put the operand of contains and its siblings into a LIKE literal unescaped",
        (
            "%' OR 1=1 --",
            "\\' OR 1=1 --",
            "_%_'; --",
            "' ESCAPE '!' OR '1' LIKE '1",
            "100%'",
            "\\",
            "\\\\",
            "a\\",
        ),
    ),
    Origin(
        "CVE-2023-47128",
        "Piccolo put the name of a savepoint into the statement",
        ("sp1; ROLLBACK; --", f"sp; {_WIPE}; COMMIT; --", "sp TO SAVEPOINT x", "COMMIT"),
    ),
    Origin(
        "CVE-2019-10748",
        "Sequelize put the keys of a JSON path between quotes on MySQL",
        (
            """a'), '$') = 1 OR 1=1; -- """,
            """x")) AS DECIMAL) = 1 UNION SELECT 1; -- """,
            """$."a'.b" """,
            "json_extract(data, '$')",
        ),
    ),
    Origin(
        "CVE-2019-10749",
        "the same for #>> on PostgreSQL",
        ("a}'::text[]) = '1' OR '{b", "{a,b}", "data#>>'{}'", "x'}') = 'y' OR ('{z", "{}"),
    ),
    Origin(
        "CVE-2019-10752",
        "Sequelize's json() helper did not escape what stands behind a path",
        ("data.id = '1') UNION SELECT 1; -- ", "a.b')=1 OR 1=1 -- ", "a.b#>>'{x}'"),
    ),
    Origin(
        "CVE-2026-30951",
        "Sequelize split JSON keys at :: and put what follows into CAST",
        ("a::text) OR 1=1 --", "value::int4", "::", "a::jsonb::text = ''", "x::regclass"),
    ),
    Origin(
        "CVE-2023-25813",
        "Sequelize replaced :names inside literals that had been escaped before",
        (
            ":name",
            ":1",
            "a :name b",
            "' OR true; -- :name",
            "?",
            "?1",
            "$1",
            "@p",
            "%(id)s",
            "%s",
            "::id",
            "{id}",
            ":",
        ),
    ),
    Origin(
        "CVE-2026-32763",
        "Kysely put JSON path legs into a literal on SQLite and MySQL",
        (
            """$.a') IS NOT NULL OR json_extract('{}', '$.b""",
            "a' || '",
            "key']",
            '["key"]',
            "a]",
            "[0",
            "[#-1]",
            "[last]",
            "$[*]",
            "$**.a",
            "a[0].b'",
            "$",
            "$.",
        ),
    ),
    Origin(
        "CVE-2026-39356",
        "Drizzle quoted identifiers without doubling the quotes inside",
        ('name" = name OR "name', 'x"', '""', '"', "`", "x`; --", "[x]", "x]; --", 'a"b"c', '"a"."b"'),
    ),
    Origin(
        "GHSA-w7q7-vjp8-7jv4",
        "TypeORM took field names of conditions into the statement",
        ("title = '' OR 1=1 OR title", "1=1 OR title", "title) OR (1=1", "title/**/OR/**/1=1"),
    ),
    Origin(
        "CVE-2025-67644",
        "LangGraph's SQLite checkpointer formatted filter keys into a JSON path",
        ("x') = 'a' OR '1'='1", "$.x' OR 1=1 --", "thread_id') IS NULL) OR (json_extract(metadata, '$.y"),
    ),
    Origin(
        "CVE-2026-55405",
        "LangChain4j put metadata keys behind ->> without escaping",
        ("')::text IS NOT NULL OR pg_sleep(5) IS NOT NULL --", "key')::int = 1 OR ('", "x'')"),
    ),
    Origin(
        "CVE-2026-31840",
        "Parse Server put dotted field names into a statement on PostgreSQL",
        ("obj.a' = 'x' OR 1=1 --", "obj.a\"->'b'", "obj.'x'", "obj.a; SELECT pg_sleep(5)"),
    ),
    Origin(
        "CVE-2026-31856",
        "Parse Server put the amount of an increment into a statement",
        ("1; DROP TABLE x", "0) || (SELECT version())", "1::text", "1e309", "0x10", "1_000", "١٢٣"),
    ),
    Origin(
        "CVE-2024-27298",
        "Parse Server took a regular expression of several quoted parts apart and put it into SQL",
        ("^\\Qa\\E'; SELECT 1; --\\Qb\\E", "\\Q'\\E", "\\Q\\E\\Q' OR 1=1 --\\E", "\\Q", "\\E"),
    ),
    Origin(
        "CVE-2024-1597",
        "pgjdbc wrote a negative number behind a minus: a comment begins",
        ("-1", "--1", "- -1", "foo\n 1 AND 1=0 UNION SELECT 1 --", "\n; SELECT 1", "-"),
    ),
    Origin(
        "CVE-2025-1094",
        "libpq's quoting let text through that is no valid UTF-8, which the server then read differently",
        ("\udcc0'; SELECT 1; --", "a\udcff", "\ud83d", "\udcc0\udc27", "x\udce2\udc80'"),
    ),
    Origin(
        "CVE-2006-2314",
        "in some encodings the second byte of a character is a backslash, which ate the closing quote",
        ("\u8868' OR 1=1 --", "\u5341\\' OR 1=1 --", "\xbf' OR 1=1 --", "\u7e5d\\"),
    ),
    Origin(
        "GHSA-2777-2vq8-c4v4",
        "Sequelize relied on standard_conforming_strings, without which backslashes escape",
        ("\\'; --", "\\047 OR 1=1", "E'\\x27'", "\\u0027", "U&'\\0027'", "\\x27", "a\\'b\\\"c"),
    ),
    Origin(
        "CVE-2017-16082",
        "node-postgres made a program of the names of result columns",
        ("\\'/*", "\\'*/\n + 1] = null;\n//", "constructor", "a'] = 1; //", "__proto__"),
    ),
    Origin(
        "CVE-2020-25638",
        "Hibernate put names into comments that a comment's end could leave",
        ("*/ OR 1=1 /*", "/*", "*/", "/* x */", "/*! 1 */", "--", "#", ";--", "--\n"),
    ),
    Origin(
        "SQL",
        "what a statement would do if it were one",
        (
            f"'; {_DROP}; --",
            f"'; {_WIPE}; --",
            f"'); {_WIPE}; COMMIT; --",
            f"1; UPDATE {CANARY} SET title='x'",
            f"'; ALTER TABLE {CANARY} RENAME TO y; --",
            "' OR '1'='1",
            "' OR 1=1 --",
            "' UNION ALL SELECT NULL, NULL, NULL --",
            "x' AND (SELECT count(*) FROM sqlite_master) > 0 --",
            "x' AND (SELECT count(*) FROM pg_catalog.pg_class) > 0 --",
            "'; ATTACH DATABASE '/tmp/x.db' AS x; --",
            "'; SELECT load_extension('x'); --",
            "'; COPY (SELECT 1) TO PROGRAM 'true'; --",
            "'; SELECT pg_sleep(30); --",
            "'; PRAGMA writable_schema = 1; --",
            "'; SET search_path = x; --",
            "'; SELECT lo_import('/etc/passwd'); --",
            "randomblob(1000000000)",
            "NULL",
            "null",
            "DEFAULT",
            "true",
            "''",
            "'",
            "''''",
            ";",
            "()",
            "1/0",
            "rowid",
            "data",
            "seq",
            "ctid",
            "xmin",
            "_id",
        ),
    ),
)
