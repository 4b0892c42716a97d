"""Steps on single fields: add, rename, drop, convert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import ConfigurationError, InvalidEntityError
from .._keys import escape_key
from .._records import MISSING
from ..descriptions import (
    Description,
    check_changeable,
    field_of,
    fitted,
    renamed,
    with_field,
    without_field,
)
from ..names import check_distinct, column_name
from ..plain import Document, PlainForm, absent, called, plain_value, stored_value
from ..schema import Field, declared_field, describe_field
from ..stored import whole_schema
from ._base import Change, Convert, Step, no_way_back

__all__ = ["AddField", "ConvertField", "DropField", "RenameField"]


@dataclass(frozen=True)
class AddField(Step):
    """A new field, with a value for the entities that are there.

    ``AddField("pages", int, 0)``; ``AddField("note", str | None)``; ``AddField("slug", str, function=slug_of)``, which
    computes the value from the entity as a dict of Python values.

    Attributes:
        name: the field.
        type: its type, as the class declares it.
        value: what every existing entity gets; None by default, where the type allows it.
        function: what makes the value of an existing entity, instead.
    """

    name: str
    type: Any
    value: Any = MISSING
    function: Callable[[dict[str, Any]], Any] | None = None

    def forward(self, collection: str, before: Description) -> Change:
        check_changeable(collection, self.name)
        if before["freeform"]:
            return Change(before, self._adding(collection, before, self._field(collection)))
        field = self._field(collection)
        described = describe_field(field)
        known = before["fields"].get(self.name)
        if known is not None:
            # A field with a default applies itself when a class that has it is used first.
            if self.function is None and known == described:
                return Change(before)
            raise ConfigurationError(
                f"{collection!r} has a field {self.name!r} already; where a class that declares it has made the "
                "collection, note the migration as applied with `stamp`",
                collection=collection,
            )
        check_distinct([*before["fields"], self.name])
        after = with_field(before, self.name, described)
        return Change(after, self._adding(collection, before, field))

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        if self.name in earlier["fields"]:
            return Change(now)
        return DropField(self.name).forward(collection, now)

    def told(self) -> str:
        return f"add the field {self.name!r}"

    def _field(self, collection: str) -> Field:
        field = declared_field(self.name, self.type, MISSING if self.value is MISSING else self.value)
        if self.function is not None or field.has_default or field.nullable:
            if self.value is MISSING and self.function is None:
                return declared_field(self.name, self.type, None)
            return field
        raise ConfigurationError(
            f"{self.name!r} is to be added to {collection!r} without a value for the entities that are there: "
            "give one, or a function that makes one",
            collection=collection,
        )

    def _adding(self, collection: str, before: Description, field: Field) -> Convert:
        key, name, function = escape_key(self.name), self.name, self.function
        write = stored_value(field)
        form = PlainForm(whole_schema(collection, before), extras=True)

        def convert(document: Document) -> Document:
            if key in document:
                raise InvalidEntityError(
                    f"{name}: something is held under that name already; convert it with ConvertField",
                    path=name,
                )
            value = field.default if function is None else write(called(function, form.plain(document)))
            return {**document, key: value}

        return convert


@dataclass(frozen=True)
class RenameField(Step):
    """A field under another name; the indexes and the search on it follow.

    Attributes:
        name: the field as it is called now.
        new_name: as it is called from then on.
    """

    name: str
    new_name: str

    def forward(self, collection: str, before: Description) -> Change:
        check_changeable(collection, self.new_name)
        if not before["freeform"]:
            described = field_of(collection, before, self.name)
            check_distinct([name for name in before["fields"] if name != self.name] + [self.new_name])
            if self.new_name in before["fields"]:
                raise ConfigurationError(
                    f"{collection!r} has a field {self.new_name!r} already", collection=collection
                )
            declared_field(self.new_name, str, None)  # the name is one that can be stored
            if "column" in described:
                before = with_field(before, self.name, {**described, "column": column_name(self.new_name)})
        else:
            check_changeable(collection, self.name)
        old, new = escape_key(self.name), escape_key(self.new_name)

        def convert(document: Document) -> Document:
            if new in document:
                raise InvalidEntityError(
                    f"{self.new_name}: something is held under that name already", path=self.new_name
                )
            if old in document:
                document = {**document, new: document[old]}
                del document[old]
            return document

        return Change(renamed(before, self.name, self.new_name), convert)

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        return RenameField(self.new_name, self.name).forward(collection, now)

    def told(self) -> str:
        return f"rename the field {self.name!r} to {self.new_name!r}"


@dataclass(frozen=True)
class DropField(Step):
    """A field, and what is stored of it, is no more; so are the indexes that cover it.

    Attributes:
        name: the field.
        value: what entities get when the step is taken back and the field has no default; its values are gone.
    """

    name: str
    value: Any = MISSING

    def forward(self, collection: str, before: Description) -> Change:
        if not before["freeform"]:
            field_of(collection, before, self.name)
        check_changeable(collection, self.name)
        key = escape_key(self.name)

        def convert(document: Document) -> Document:
            return {held: value for held, value in document.items() if held != key}

        return Change(without_field(before, self.name), convert)

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        if earlier["freeform"]:
            raise no_way_back(collection, self.told(), "its values are gone")
        if self.name in now["fields"]:
            raise ConfigurationError(f"{collection!r} has a field {self.name!r} again", collection=collection)
        described = earlier["fields"][self.name]
        after = with_field(now, self.name, described)
        after = {
            **after,
            "indexes": [
                *now["indexes"],
                *_lost(earlier["indexes"], now["indexes"], without_field(earlier, self.name)),
            ],
            "searchable": [
                entry
                for entry in earlier["searchable"]
                if entry not in without_field(earlier, self.name)["searchable"]
            ]
            + now["searchable"],
            "revision": self.name if earlier["revision"] == self.name else now["revision"],
        }
        field = whole_schema(collection, after).by_name[self.name]
        if self.value is not MISSING:
            value = stored_value(field)(self.value)
        elif field.has_default or field.nullable:
            value = absent(field)
        else:
            raise no_way_back(
                collection, self.told(), "give the step a `value` for the entities that are there"
            )
        return Change(after, lambda document: {**document, field.key: value})

    def told(self) -> str:
        return f"drop the field {self.name!r}"


def _lost(
    earlier: list[dict[str, Any]], now: list[dict[str, Any]], without: Description
) -> list[dict[str, Any]]:
    """The indexes that went with a field and are not there again."""
    names = {index["name"] for index in now}
    return [index for index in earlier if index not in without["indexes"] and index["name"] not in names]


@dataclass(frozen=True)
class ConvertField(Step):
    """A field of another type, each value made by a function from what it was.

    ``ConvertField("pages", int, int, str)`` makes numbers of texts, and texts of them on the way back. None stays None
    where the new type allows it, and is given to the function where it does not. A name that is not declared, under
    which entities hold something all the same, is declared by it.

    Attributes:
        name: the field.
        type: its new type, as the class declares it.
        function: makes the new value of the old one; None where the values are right as they are.
        inverse: makes the old value of a new one, for the way back.
    """

    name: str
    type: Any
    function: Callable[[Any], Any] | None = None
    inverse: Callable[[Any], Any] | None = None

    def forward(self, collection: str, before: Description) -> Change:
        check_changeable(collection, self.name)
        before_schema = whole_schema(collection, before)
        old = before_schema.by_name.get(self.name)
        new = declared_field(self.name, self.type)
        convert = _converting(old, new, self.function)
        if before["freeform"]:
            return Change(before, convert)
        described: dict[str, Any] = dict(describe_field(new))
        default = _converted_default(old, new, self.function)
        if default is not MISSING:
            described["default"] = default
        check_distinct([name for name in before["fields"] if name != self.name] + [self.name])
        after = fitted(collection, with_field(before, self.name, described), [self.name])
        return Change(after, convert)

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        if self.inverse is None and self.function is not None:
            raise no_way_back(collection, self.told(), "give the step an `inverse`")
        new = declared_field(self.name, self.type)
        if earlier["freeform"]:
            return Change(now, _converting(None, new, self.inverse))
        field_of(collection, now, self.name)
        described = earlier["fields"].get(self.name)
        now_field = whole_schema(collection, now).by_name[self.name]
        if described is None:
            raise no_way_back(collection, self.told(), "the field was not declared before")
        after = fitted(collection, with_field(now, self.name, described), [self.name])
        old = whole_schema(collection, after).by_name[self.name]
        return Change(after, _converting(now_field, old, self.inverse))

    def told(self) -> str:
        return f"convert the field {self.name!r}"


def _converting(old: Field | None, new: Field, function: Callable[[Any], Any] | None) -> Convert:
    read, write, key = plain_value(old), stored_value(new), escape_key(new.name)
    column = new.scalar is not None

    def convert(document: Document) -> Document:
        if key not in document and not (column and old is not None):
            return document if not column else {**document, key: absent(new)}
        value = read(document.get(key))
        if function is not None and not (value is None and new.nullable):
            value = called(function, value, new.name)
        return {**document, key: write(value)}

    return convert


def _converted_default(old: Field | None, new: Field, function: Callable[[Any], Any] | None) -> Any:
    """The default in its new form; MISSING where there is none."""
    if old is None or not old.has_default:
        return None if new.nullable else MISSING
    try:
        value = plain_value(old)(old.default)
        if function is not None and not (value is None and new.nullable):
            value = called(function, value, new.name)
        return stored_value(new)(value)
    except InvalidEntityError:
        return MISSING
