"""The generated function that turns a row into an entity.

The class's own constructor makes the entity, so ``__post_init__``, validators and converters all run. A row that the
fast function finds incomplete (a key that its document has not got yet) goes through a slower one, which leaves what
is missing to the constructor's defaults.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import InvalidEntityError
from ._decoders import (
    construct,
    decode_anything,
    decoder,
    holds_dicts,
    put_in_order,
    restore_attribute,
)
from ._json import json_document
from ._keys import unescape_key
from ._scalars import Kind, scalar_decoder
from .schema import Field, Schema
from .source import Source

__all__ = ["compile_reader"]


def compile_reader(
    schema: Schema, *, json_documents: bool, in_order: bool = True
) -> Callable[[tuple[Any, ...]], Any]:
    """The function ``row -> entity``; ``in_order`` says that the keys of documents come sorted."""
    partial = _Partial(schema, json_documents, in_order)
    escaped = _Reader(schema, json_documents, in_order, True, partial, None).compile()
    if not json_documents or not schema.has_document:
        return escaped
    return _Reader(schema, json_documents, in_order, False, partial, escaped).compile()


class _Reader:
    """Writes the function; where keys are taken not to hold escapes, ``otherwise`` reads the rows in which they do."""

    def __init__(
        self,
        schema: Schema,
        json_documents: bool,
        in_order: bool,
        escaped: bool,
        partial: _Partial,
        otherwise: Callable[[tuple[Any, ...]], Any] | None,
    ) -> None:
        self.schema = schema
        self.json = json_documents
        self.in_order = in_order
        self.escaped = escaped
        self.partial = partial
        self.otherwise = otherwise
        self.source = Source(f"entities of {schema.entity_class.__qualname__}")
        self.locals = {field.name: f"v{position}" for position, field in enumerate(schema.fields)}

    def compile(self) -> Callable[[tuple[Any, ...]], Any]:
        source, schema = self.source, self.schema
        cells = [self.locals[field.name] for field in schema.columns]
        if schema.has_document:
            cells.append("document")
        partial = source.bind("partial", self.partial)
        source.add(0, "def decode(row):")
        source.add(1, "try:", f"    {', '.join(cells)}, = row")
        if self.otherwise is not None:
            source.add(2, "plain = '%' not in document")
            source.add(1, "except Exception as error:", f"    {partial}.refuse(row, error)")
            source.add(
                1,
                "if not plain:",
                f"    return {source.bind('escaped', self.otherwise)}(row)",
                "try:",
                "    pass",
            )
        for field in schema.columns:
            self._column(field)
        if schema.has_document and self.json:
            source.add(2, f"document = {source.bind('json', json_document)}(document)")
        self._documents()
        if schema.extras:
            declared = source.bind("declared", frozenset(field.key for field in schema.documents))
            rest = source.bind("extras", _extras)
            if not self.in_order:
                source.add(2, f"{source.bind('order', put_in_order)}(document)")
            source.add(
                2,
                f"extras = {rest}(document, {declared}) if len(document) > {len(schema.documents)} else {{}}",
            )
        # The constructor runs outside of the try: what it raises is the class's own.
        source.add(1, "except KeyError:", "    pass")
        source.add(1, "except Exception as error:", f"    {partial}.refuse(row, error)")
        source.add(1, "else:")
        self._construct()
        source.add(1, f"return {partial}(row)")
        reader: Callable[[tuple[Any, ...]], Any] = source.compile("decode")
        return reader

    def _column(self, field: Field) -> None:
        source, local, scalar = self.source, self.locals[field.name], field.scalar
        assert scalar is not None
        if scalar.enum is not None:
            source.add(2, f"{local} = {source.bind('members', _Members(field))}[{local}]")
            return
        decode = scalar_decoder(scalar)
        if decode is None:
            return
        # SQLite keeps bools as 0 and 1; an engine may give 3 where 3.0 was stored.
        fast = {Kind.BOOL: f"{local} == 1", Kind.FLOAT: f"{local} + 0.0"}.get(scalar.kind)
        expression = fast or f"{source.bind('decode', decode)}({local})"
        if field.nullable or field is self.schema.id:
            source.add(2, f"if {local} is not None:", f"    {local} = {expression}")
        else:
            source.add(2, f"{local} = {expression}")

    def _documents(self) -> None:
        source = self.source
        for field in self.schema.documents:
            local = self.locals[field.name]
            source.add(2, f"{local} = document[{field.key!r}]")
            if not self.in_order and holds_dicts(field.shape):
                source.add(2, f"{source.bind('order', put_in_order)}({local})")
            decode = decoder(field.shape, escaped=self.escaped)
            if decode is not None:
                call = f"{local} = {source.bind('decode', decode)}({local})"
                source.add(2, *([f"if {local} is not None:", f"    {call}"] if field.nullable else [call]))

    def _construct(self) -> None:
        source, record = self.source, self.schema.record
        assert record is not None
        arguments: list[str] = []
        oddly_named: list[str] = []
        later: list[str] = []
        setter = source.bind("set", restore_attribute)
        for position, member in enumerate(record.members):
            local = self.locals[member.name]
            if member.parameter is None:
                later.append(f"{setter}(made, {member.name!r}, {local})")
            elif position < record.positional:
                arguments.append(local)
            elif member.parameter.isidentifier() and not keyword.iskeyword(member.parameter):
                arguments.append(f"{member.parameter}={local}")
            else:
                oddly_named.append(f"{member.parameter!r}: {local}")
        if oddly_named:
            arguments.append(f"**{{{', '.join(oddly_named)}}}")
        if record.extras:
            arguments.append("**extras")
        call = f"{source.bind('cls', record.cls)}({', '.join(arguments)})"
        if later:
            source.add(2, f"made = {call}", *later, "return made")
        else:
            source.add(2, f"return {call}")


class _Members(dict[Any, Any]):
    """The members of an Enum by their canonical values, and None by itself; asks the class about any other value."""

    def __init__(self, field: Field) -> None:
        assert field.scalar is not None
        assert field.scalar.enum is not None
        super().__init__()
        decode = scalar_decoder(field.scalar)
        assert decode is not None
        self._decode: Callable[..., object] = decode
        if field.nullable:
            self[None] = None

    def __missing__(self, key: object) -> object:
        member = self[key] = self._decode(key)
        return member


class _Partial:
    """The slow way to read a row, for what the fast one cannot finish."""

    def __init__(self, schema: Schema, json_documents: bool, in_order: bool) -> None:
        self._schema = schema
        self._json = json_documents
        self._in_order = in_order
        self._decoders = {field.name: decoder(field.shape) for field in schema.fields}

    def __call__(self, row: tuple[Any, ...]) -> Any:
        """The entity, its missing values left to the constructor."""
        schema = self._schema
        record = schema.record
        assert record is not None
        found, extras = self._values(row)
        given: dict[str, Any] = dict(extras)
        later: list[tuple[str, Any]] = []
        for member in record.members:
            if member.name not in found:
                if not member.required or member.parameter is None:
                    continue
                if not schema.by_name[member.name].nullable:
                    raise InvalidEntityError(
                        f"{member.name}: no such value is stored and the class has no default for it; migrate the data",
                        path=member.name,
                    )
                found[member.name] = None
            if member.parameter is None:
                later.append((member.name, found[member.name]))
            else:
                given[member.parameter] = found[member.name]
        return construct(record, given, later)

    def _values(self, row: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        schema = self._schema
        found = {
            field.name: self._value(field, value) for field, value in zip(schema.columns, row, strict=False)
        }
        if not schema.has_document:
            return found, {}
        document = json_document(row[-1]) if self._json else row[-1]
        if not self._in_order:
            put_in_order(document)
        for field in schema.documents:
            if field.key in document:
                found[field.name] = self._value(field, document[field.key])
        declared = frozenset(field.key for field in schema.documents)
        return found, _extras(document, declared) if schema.extras else {}

    def _value(self, field: Field, canonical: Any) -> Any:
        decode = self._decoders[field.name]
        if decode is None or (canonical is None and field.nullable):
            return canonical
        try:
            return decode(canonical)
        except Exception as error:
            raise InvalidEntityError(
                f"{field.name}: what is stored does not fit the declared type; migrate the data",
                path=field.name,
            ) from error

    def refuse(self, row: tuple[Any, ...], error: Exception) -> NoReturn:
        """Raise InvalidEntityError, naming the field that cannot be read where it is one."""
        try:
            self._values(row)
        except InvalidEntityError:
            raise
        except Exception:  # noqa: BLE001, S110 - the row as a whole is damaged, which the first error says best
            pass
        raise InvalidEntityError(
            f"a stored {self._schema.entity_class.__name__} does not fit its declaration; migrate the data"
        ) from error


def _extras(document: dict[str, Any], declared: frozenset[str]) -> dict[str, Any]:
    return {
        unescape_key(key): decode_anything(value) for key, value in document.items() if key not in declared
    }
