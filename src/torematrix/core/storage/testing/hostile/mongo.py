"""Inputs that would become an operator, a place, a collection or a program on MongoDB, or a property in JavaScript."""

from __future__ import annotations

from typing import Final

from .origin import CANARY, Origin

__all__ = ["MONGO"]

MONGO: Final[tuple[Origin, ...]] = (
    Origin(
        "CVE-2024-53900",
        "mongoose passed $where on when it populated",
        ("$where", "$where: sleep(5000)", "this.title == 'x' || true", "function() { return true; }", "sleep(5000)||true"),
    ),
    Origin(
        "CVE-2025-23061",
        "the same with $where inside another operator",
        ("$or", "$and", "$nor", "$expr", "$function", "$accumulator", "$jsonSchema", "$comment"),
    ),
    Origin(
        "CVE-2019-17426",
        "mongoose skipped its casting for a value that claimed to be BSON",
        ("_bsontype", "ObjectID", "$oid", "$numberLong", "$date", "$binary", "$uuid", "$regularExpression", "$code"),
    ),
    Origin(
        "CVE-2023-3696",
        "mongoose set properties by names that came from data, and reached the prototype of everything",
        ("__proto__", "constructor.prototype.x", "prototype", "__proto__.polluted", 'constructor["prototype"]'),
    ),
    Origin(
        "CVE-2020-8158",
        "TypeORM merged objects into its prototypes",
        ("toString", "valueOf", "hasOwnProperty", "__defineGetter__", "__lookupGetter__"),
    ),
    Origin(
        "CVE-2021-22911",
        "Rocket.Chat took operators and expressions from requests: values were guessed letter by letter",
        ("$regex", "^a", "$options", "$ne", "$gt", "$in", "$nin", "$exists", "$type", "$mod", "$size", "$all"),
    ),
    Origin(
        "CVE-2026-48121",
        "LangGraph's MongoDB checkpointer let an operator stand for an id",
        ('{"$ne": null}', '{"$gt": ""}', "[$ne]", "id[$ne]=1", "{$gt: ''}", '{"$where": "1"}'),
    ),
    Origin(
        "CVE-2026-82060",
        "MongoDB put stored values that looked like operators into a query of its own",
        ("$eq", "$literal", "$getField", "$set", "$unset", "$inc", "$rename", "$push", "$setOnInsert", "$$ROOT"),
    ),
    Origin(
        "MongoDB: field names",
        "a dot is a step and a dollar an operator: both are escaped in keys that are data",
        (
            "a.b",
            "a.$b",
            "$a.b",
            ".a",
            "a.",
            ".",
            "a..b",
            "$",
            "$$",
            "a$",
            "a.0",
            "0",
            "-1",
            "a.$[]",
            "a.$[x].b",
            "a.$",
            "$db",
            "$id",
            "$ref",
            "%24where",
            "%2e",
            "%",
            "%%",
            "%2",
            "%25",
            "\\u0024where",
            "\uff04where",
            "a\uff0eb",
        ),
    ),
    Origin(
        "MongoDB: expressions",
        "a text that begins with a dollar is a path where an expression may stand",
        ("$title", "$$NOW", "$$CURRENT.title", "$$REMOVE", "$$USER_ROLES", "$_id", "$$this"),
    ),
    Origin(
        "MongoDB: namespaces",
        "system collections, commands and other databases are reached by names",
        (
            "system.users",
            "system.js",
            "system.views",
            "$cmd",
            "$cmd.sys.inprog",
            "admin.$cmd",
            f"{CANARY}.$cmd",
            "local.oplog.rs",
            "config.system.sessions",
            "fs.chunks",
            "a\x00b",
            f"{CANARY}\x00x",
        ),
    ),
    Origin(
        "MongoDB: aggregation",
        "stages that write, or that read another collection",
        ("$out", "$merge", f'{{"$out": "{CANARY}"}}', "$lookup", "$unionWith", "$graphLookup", "$documents", "$match"),
    ),
)
