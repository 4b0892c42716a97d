"""The generated functions that turn an entity into a row.

For each field the function holds the test that nearly every value passes, inline, and a call for the others, which
encodes, or refuses, with all the care of ``encode_scalar``. What a fast test accepts is canonical as it is.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from ..errors import InvalidEntityError
from ._checks import check_indexed
from ._encoders import depth_encoder
from ._free import FIELD_DEPTH, encode_extras, free_encoder, located, named
from ._json import sorted_json, sorted_value
from ._scalars import INT64_MAX, INT64_MIN, Kind, scalar_encoder
from ._times import naive_text, utc_text
from .schema import Field, Schema
from .source import Source, attribute

__all__ = ["SMALL_BYTES", "compile_writer", "field_encoder"]

# Texts and a document that are all smaller than this together cannot come near the limit of a document: BSON takes at
# most 13 bytes for what JSON writes in two, and what is kept for searching at most ten for one of text.
SMALL_BYTES = 500_000
_MEASURED = (Kind.STR, Kind.BYTES, Kind.DECIMAL, Kind.BIGINT)


def compile_writer(
    schema: Schema,
    *,
    replaces: bool,
    json_documents: bool,
    check_row: Callable[[tuple[Any, ...]], None],
    check_document: Callable[[dict[str, Any]], bool] | None,
    share: int,
) -> Callable[..., tuple[Any, ...]]:
    """The function ``(entity, now, new_id) -> row`` for new entities, or ``(entity, now) -> row`` to replace one.

    ``check_row`` is called for rows that are large, or hold an indexed text of more than ``share`` bytes.
    """
    return _Writer(schema, replaces, json_documents, check_row, check_document, share).compile()


def field_encoder(field: Field) -> Callable[[Any], Any]:
    """A function from a value of a scalar field (not None) to its canonical form, which also limits its length."""
    assert field.scalar is not None
    encode = scalar_encoder(field.scalar)
    if not field.indexed or field.scalar.kind not in _MEASURED:
        return encode

    def encode_indexed(value: Any) -> Any:
        canonical = encode(value)
        check_indexed(str(canonical))
        return canonical

    return encode_indexed


class _Writer:
    def __init__(
        self,
        schema: Schema,
        replaces: bool,
        json_documents: bool,
        check_row: Callable[[tuple[Any, ...]], None],
        check_document: Callable[[dict[str, Any]], bool] | None,
        share: int,
    ) -> None:
        self.schema = schema
        self.replaces = replaces
        self.json = json_documents
        self.check_row = check_row
        self.share = share
        self.check_document = check_document
        self.source = Source(f"rows of {schema.entity_class.__qualname__}")
        self.locals = {field.name: f"v{position}" for position, field in enumerate(schema.fields)}
        measured = [f for f in schema.columns if f.scalar and f.scalar.kind in _MEASURED and not f.indexed]
        self.small_text = SMALL_BYTES // max(1, 4 * len(measured))

    def compile(self) -> Callable[..., tuple[Any, ...]]:
        source, schema = self.source, self.schema
        name = "row_to_replace" if self.replaces else "row_to_create"
        source.add(0, f"def {name}(entity, now{'' if self.replaces else ', new_id'}):")
        wrong = source.bind("refuse", _refuse_class)
        cls = source.bind("cls", schema.entity_class)
        source.add(
            1, f"if type(entity) is not {cls}:", f"    {wrong}(entity, {cls})", "large = False", "at = None"
        )
        source.add(1, "try:")
        for field in schema.fields:
            if field is not schema.revision or self.replaces:
                source.add(2, f"{self.locals[field.name]} = {attribute('entity', field.name)}")
        for field in schema.columns:
            self._column(field)
        row = [self.locals[field.name] for field in schema.columns]
        if schema.has_document:
            self._document()
            row.append("document")
        errors = source.bind("Invalid", InvalidEntityError)
        source.add(1, f"except {errors} as error:", f"    {source.bind('name', _name_field)}(error, at)")
        source.add(
            1, "except AttributeError as error:", f"    {source.bind('unset', _refuse_unset)}(error, {cls})"
        )
        source.add(1, f"row = ({', '.join(row)},)")
        source.add(1, "if large:", f"    {source.bind('check', self.check_row)}(row)", "return row")
        writer: Callable[..., tuple[Any, ...]] = source.compile(name)
        return writer

    def _column(self, field: Field) -> None:
        schema, source, local = self.schema, self.source, self.locals[field.name]
        if field is schema.id:
            self._id(field, local)
        elif field is schema.updated and self.replaces:
            source.add(2, f"{local} = {self._now(field)}")
        elif field is schema.created or field is schema.updated:
            source.add(2, f"if {local} is None:")
            source.add(3, "pass" if self.replaces else f"{local} = {self._now(field)}")
            self._test(field, local, "elif")
        elif field is schema.revision:
            self._revision(field, local)
        else:
            self._test(field, local, "if")

    def _now(self, field: Field) -> str:
        assert field.scalar is not None
        return "now[:26]" if field.scalar.naive else "now"

    def _id(self, field: Field, local: str) -> None:
        self.source.add(2, f"if {local} is None or {local} == '':")
        if self.replaces:
            self.source.add(3, "at = 'id'", f"{self.source.bind('refuse', _refuse_missing_id)}()")
        else:
            self.source.add(3, f"{local} = new_id()")
        self._test(field, local, "elif")

    def _revision(self, field: Field, local: str) -> None:
        if not self.replaces:
            self.source.add(2, f"{local} = 1")
            return
        self._test(field, local, "if", nullable=False)
        refuse = self.source.bind("refuse", _refuse_revision)
        self.source.add(2, f"{local} += 1", f"if {local} > {INT64_MAX}:")
        self.source.add(3, f"at = {field.name!r}", f"{refuse}()")

    def _test(self, field: Field, local: str, word: str, *, nullable: bool | None = None) -> None:
        """The inline test of a value, begun with if or elif, and what happens to one that does not pass it."""
        source = self.source
        nullable = field.nullable if nullable is None else nullable
        test, change = self._fast(field, local)
        if change is not None:
            source.add(2, f"{word} {test}:", f"    {change}")
            source.add(2, f"elif {local} is not None:" if nullable else "else:")
            self._slow(field, local, 3)
        elif test is not None:
            source.add(2, f"{word} not ({test}):")
            source.add(3, f"if {local} is not None:" if nullable else "if True:")
            self._slow(field, local, 4)
        else:
            condition = f"{local} is not None" if nullable else "True"
            source.add(2, f"{word} {condition}:")
            self._slow(field, local, 3)

    def _slow(self, field: Field, local: str, depth: int) -> None:
        source = self.source
        source.add(
            depth, f"at = {field.name!r}", f"{local} = {source.bind('encode', field_encoder(field))}({local})"
        )
        assert field.scalar is not None
        if field.scalar.kind in _MEASURED:
            # Of an indexed text every character may take four bytes.
            small = self.share // 4 if field.indexed else self.small_text
            source.add(depth, f"large = large or len({local}) > {small}")

    def _fast(self, field: Field, local: str) -> tuple[str | None, str | None]:
        """An expression that is true of plain values, and the statement that encodes them where that is not nothing."""
        source, scalar = self.source, field.scalar
        assert scalar is not None
        if scalar.allowed:
            return None, None
        if scalar.enum is not None:
            plain = scalar.kind in (Kind.STR, Kind.INT, Kind.BOOL) and not issubclass(scalar.enum, enum.Flag)
            if not plain or any(type(member.value) not in (str, int, bool) for member in scalar.enum):
                return None, None
            return f"type({local}) is {source.bind('enum', scalar.enum)}", f"{local} = {local}._value_"
        if scalar.kind is Kind.STR:
            limit = self.share if field.indexed else self.small_text
            fits = f"len({local}) <= {limit}"
            return f"type({local}) is str and {local}.isascii() and {fits} and '\\0' not in {local}", None
        if scalar.kind is Kind.INT:
            return f"type({local}) is int and {INT64_MIN} <= {local} <= {INT64_MAX}", None
        if scalar.kind is Kind.BOOL:
            return f"{local} is True or {local} is False", None
        if scalar.kind is Kind.FLOAT:
            # Only a finite number gives zero here; adding zero makes minus zero plus zero.
            return f"type({local}) is float and {local} - {local} == 0.0", f"{local} += 0.0"
        if scalar.kind is Kind.DATETIME:
            moment = f"type({local}) is {source.bind('datetime', dt.datetime)}"
            if scalar.naive:
                text = source.bind("text", naive_text)
                return f"{moment} and {local}.tzinfo is None", f"{local} = {text}({local})"
            text = source.bind("text", utc_text)
            return (
                f"{moment} and {local}.tzinfo is {source.bind('utc', dt.UTC)}",
                f"{local} = {text}({local})",
            )
        return None, None

    def _document(self) -> None:
        source, schema = self.source, self.schema
        source.add(2, "document = {}")
        for field in schema.documents:
            local = self.locals[field.name]
            call = f"{source.bind('encode', depth_encoder(field.shape, spell=self.json))}({local}, {FIELD_DEPTH})"
            if field.nullable:
                call = f"None if {local} is None else {call}"
            source.add(2, f"at = {field.name!r}", f"document[{field.key!r}] = {call}")
        if schema.extras:
            extras = source.bind("extras", encode_extras)
            keys = source.bind("keys", frozenset(field.key for field in schema.fields))
            anything = source.bind("anything", free_encoder(spell=self.json))
            source.add(
                2, "at = None", f"document.update({extras}(entity, {FIELD_DEPTH - 1}, {keys}, {anything}))"
            )
        if self.check_document is not None:
            check = source.bind("check", self.check_document)
            source.add(2, "at = None", f"if {check}(document):", "    large = True")
        if self.json:
            source.add(2, f"document = {source.bind('json', sorted_json)}(document)")
            source.add(2, f"large = large or len(document) > {SMALL_BYTES}", "document = document.decode()")
        else:
            size = f"len({source.bind('json', msgspec.json.Encoder().encode)}(document))"
            source.add(2, f"large = large or {size} > {SMALL_BYTES}")
            source.add(2, f"document = {source.bind('sorted', sorted_value)}(document)")


def _refuse_class(entity: object, cls: type) -> NoReturn:
    raise InvalidEntityError(f"expected {cls.__name__}, got {type(entity).__name__}")


def _refuse_missing_id() -> NoReturn:
    raise InvalidEntityError("the entity has no id; only one that was stored can be replaced")


def _refuse_revision() -> NoReturn:
    raise InvalidEntityError("the revision has no successor within 64 bits")


def _refuse_unset(error: AttributeError, cls: type) -> NoReturn:
    name = error.name or "an attribute"
    raise InvalidEntityError(f"{cls.__name__}.{name} is not set", path=error.name) from None


def _name_field(error: InvalidEntityError, name: str | None) -> NoReturn:
    """Raise the error again with its whole path, in its message too."""
    if name is not None:
        located(error, name)
    raise named(error) from None
