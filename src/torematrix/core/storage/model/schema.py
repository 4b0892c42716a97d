"""What an entity class declares: its fields, the columns they become, its indexes and its searchable text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, cast, get_args, get_origin

import msgspec

from ..errors import ConfigurationError, InvalidEntityError
from ._describe import describe_shape
from ._encoders import encoder
from ._indexes import IndexSpec, agreed, index_spec, reach, spec_of
from ._keys import escape_key
from ._records import MISSING, Member, RecordClass, is_record_class, record_class
from ._scalars import Canonical, Kind, Scalar
from ._tree import Anything, Nullable, Shape, shape_of
from .markers import Index, Revision, Searchable, check_weight
from .names import check_distinct, check_field_name, column_name
from .upgrades import UPGRADED_FROM, Upgrade

__all__ = [
    "Field",
    "IndexSpec",
    "Schema",
    "class_schema",
    "declared_field",
    "describe_field",
    "finished",
    "forget_schemas",
    "schema_of",
]

_EMPTY_FACTORIES: dict[object, Canonical] = {list: [], tuple: [], set: [], frozenset: [], dict: {}}


class Field(msgspec.Struct, frozen=True):
    """One declared field of an entity.

    Attributes:
        name: the attribute, or the key of a free-form entity.
        key: its percent-escaped key in the canonical document.
        shape: what it holds, without the outermost Nullable.
        nullable: whether None may be stored.
        scalar: the shape, when it is a scalar and so a typed column; None for a field that lives in the document.
        column: the column's name, "" for a field that lives in the document.
        indexed: whether an index other than a substring index covers it, which limits its length.
        unique: whether no two entities may hold the same value.
        searchable: its weight in relevance, 0 when ``search()`` does not look at it.
        has_default: whether its default is a constant.
        default: that constant in canonical form.
    """

    name: str
    key: str
    shape: Shape
    nullable: bool
    scalar: Scalar | None
    column: str
    indexed: bool = False
    unique: bool = False
    searchable: int = 0
    has_default: bool = False
    default: Canonical = None


class Schema:
    """An entity class as the storage sees it; made by ``schema_of``, never changed.

    Attributes:
        entity_class: the class.
        freeform: whether entities are plain dicts, of which only ``id`` is declared.
        extras: whether entities carry undeclared values of their own (free-form dicts, pydantic's ``extra="allow"``).
        fields: every declared field, in declared order.
        by_name: the same by name.
        columns: the scalar fields, the id first, then in declared order: the layout of a row.
        documents: the other fields, which live in the document.
        has_document: whether a row ends with a document.
        id, created, updated, revision: the fields the storage fills; all but the id may be absent.
        indexes: every index except the id's own.
        searchable: the paths whose words ``search()`` finds, with their weights.
        upgrade: how the class goes on from the version before; None when no such is in use.
        replacing: the names of the fields that are not to be relied on in the database, because of it.
    """

    __slots__ = (
        "by_name",
        "columns",
        "created",
        "documents",
        "entity_class",
        "extras",
        "fields",
        "freeform",
        "has_document",
        "id",
        "indexes",
        "orders",
        "record",
        "replacing",
        "resolved",
        "revision",
        "searchable",
        "updated",
        "upgrade",
    )

    def __init__(
        self,
        entity_class: type[object],
        record: RecordClass | None,
        fields: tuple[Field, ...],
        revision: Field | None,
        indexes: tuple[IndexSpec, ...],
        searchable: tuple[tuple[str, int], ...],
        upgrade: Upgrade | None = None,
    ) -> None:
        self.entity_class = entity_class
        self.record = record  # how instances are taken apart and made; None for dicts
        self.freeform = record is None
        self.extras = record is None or record.extras
        self.fields = fields
        self.by_name = {field.name: field for field in fields}
        self.id = self.by_name["id"]
        self.columns = (
            self.id,
            *(field for field in fields if field.scalar is not None and field is not self.id),
        )
        self.documents = tuple(field for field in fields if field.scalar is None)
        self.has_document = bool(self.documents) or self.extras
        self.created = _timestamp(self.by_name.get("created_at"))
        self.updated = _timestamp(self.by_name.get("updated_at"))
        self.revision = revision
        self.indexes = indexes
        self.searchable = searchable
        self.upgrade = upgrade
        self.replacing: frozenset[str] = frozenset(upgrade.fields if upgrade is not None else ())
        self.resolved: dict[str, Any] = {}  # paths already followed, kept by the query floor
        self.orders: dict[Any, Any] = {}  # orders already asked for, likewise

    def __repr__(self) -> str:
        return f"<Schema of {self.entity_class.__name__}: {', '.join(self.by_name)}>"

    def describe(self) -> dict[str, Canonical]:
        """The schema as stable JSON data, to be stored with the collection and compared when it is opened again."""
        return {
            "freeform": self.freeform,
            "extras": self.extras,
            "fields": {field.name: describe_field(field) for field in self.fields},
            "revision": None if self.revision is None else self.revision.name,
            "indexes": [index.describe() for index in self.indexes],
            "searchable": [[path, weight] for path, weight in self.searchable],
        }


def describe_field(field: Field) -> dict[str, Canonical]:
    """The field as stable JSON data."""
    described: dict[str, Canonical] = {"shape": describe_shape(field.shape), "nullable": field.nullable}
    if field.scalar is not None:
        described["column"] = field.column
    if field.has_default:
        described["default"] = field.default
    return described


_CLASSES: Final = (
    "an entity class is a dataclass, a msgspec.Struct, a pydantic model, an attrs class, or dict"
)


def schema_of(
    entity_class: type[object],
    *,
    indexes: Iterable[Index] = (),
    searchable: Iterable[str | tuple[str, int]] | None = None,
    upgrade: Upgrade | None = None,
) -> Schema:
    """The schema that a class, and the declarations given beside it, amount to; the same object for the same question.

    ``searchable`` names the paths that ``search()`` looks at, each with a weight if not 1, in place of what the class
    itself declares; a free-form ``dict`` has no other way to say it. With an ``upgrade`` the schema is that of what is
    stored: the class's fields, those of the version before, and what tells them apart. Raises ConfigurationError,
    naming the class and the field, for whatever cannot be stored or told apart.
    """
    paths = (
        None
        if searchable is None
        else tuple(map(_weighted, _listed(searchable, "searchable=[...]", "paths")))
    )
    # dict[str, Any] is what a type checker likes to read, and declares nothing that dict does not. Whatever
    # the class is, it can be hashed, as type[object] does not say.
    cls: Any = dict if get_origin(entity_class) is dict else entity_class
    if not isinstance(cls, type):
        raise ConfigurationError(f"{type(cls).__name__} is no class, and cannot be stored: {_CLASSES}")
    if upgrade is not None and not isinstance(upgrade, Upgrade):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"{cls.__name__}: upgrade=... takes an Upgrade")
    marks = tuple(_listed(indexes, "indexes=[...]", "Index(...) and Unique(...)"))
    for mark in marks:
        if not isinstance(mark, Index):
            raise ConfigurationError(f"{cls.__name__}: indexes=[...] holds Index(...) and Unique(...)")
    return _schema_of(cls, cast("tuple[Index, ...]", marks), paths, upgrade)


def _listed(given: object, name: str, what: str) -> Iterable[object]:
    """What was given as a list; ConfigurationError for anything else, a single text too."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{name} takes a list of {what}")
    return cast("Iterable[object]", given)


def forget_schemas() -> None:
    """Make schemas anew from now on, with everything that is kept with them: for tests that change what is kept."""
    _schema_of.cache_clear()


def class_schema(schema: Schema) -> Schema:
    """Of a schema with an upgrade, the part that is the class: rows of it are entities."""
    cls: Any = schema.entity_class
    own = _schema_of(cls, (), (), None)
    fields = tuple(
        msgspec.structs.replace(schema.by_name[field.name], nullable=field.nullable) for field in own.fields
    )
    revision = next((field for field in fields if own.revision and field.name == own.revision.name), None)
    return Schema(schema.entity_class, own.record, fields, revision, (), ())


def _is_pair(entry: object) -> bool:
    return isinstance(entry, tuple) and len(cast("tuple[object, ...]", entry)) == 2


def _weighted(entry: object) -> tuple[str, int]:
    if isinstance(entry, str):
        return entry, 1
    path, weight = cast("tuple[object, object]", entry) if _is_pair(entry) else (None, 1)
    if not isinstance(path, str):
        raise ConfigurationError("searchable=[...] holds paths, and pairs of a path and its weight")
    return path, check_weight(weight)


@lru_cache(maxsize=1024)
def _schema_of(
    cls: type[object],
    indexes: tuple[Index, ...],
    searchable: tuple[tuple[str, int], ...] | None,
    upgrade: Upgrade | None,
) -> Schema:
    record = None
    if cls is dict:
        declared = [Member("id", str | None)]
    elif is_record_class(cls) and not record_class(cls).mapping and not issubclass(cls, tuple):
        record = record_class(cls)
        declared = list(record.members)
    else:
        raise ConfigurationError(f"{cls!r} cannot be stored: {_CLASSES}")
    if upgrade is not None:
        declared += _stored_beside(cls, record, declared, upgrade)
    check_distinct(member.name for member in declared)
    fields = {member.name: _field(cls.__name__, member) for member in declared}
    marks = {member.name: _marks(member.annotation) for member in declared}
    _check_id(cls, fields.get("id"))
    by_key = {field.key: field for field in fields.values()}
    extras = record is None or record.extras

    found: dict[IndexSpec, None] = {}
    for name, field_marks in marks.items():
        for mark in field_marks:
            if isinstance(mark, Index):
                found[index_spec(cls, mark, by_key, extras, field=name)] = None
    for index in indexes:
        found[index_spec(cls, index, by_key, extras)] = None
    for name in ("created_at", "updated_at"):
        if name in fields and _timestamp(fields[name]) is not None:
            found.setdefault(spec_of((name,), (fields[name].scalar,)))
    specs = agreed(cls, tuple(found))

    lasting = fields
    if upgrade is not None:
        _check_replacing(cls, upgrade, specs, marks)
        lasting = {name: fields[name] for name in _as_before(fields, upgrade)}
    weights = _searchable(cls, lasting, marks, by_key, extras, searchable)
    final = tuple(finished(field, specs, dict(weights)) for field in fields.values())
    if upgrade is not None:
        # Who has the old class stores nothing in them.
        final = tuple(
            msgspec.structs.replace(field, nullable=True) if field.name in upgrade.fields else field
            for field in final
        )
    return Schema(cls, record, final, _revision(cls, final, marks), specs, weights, upgrade)


def _stored_beside(
    cls: type[object], record: RecordClass | None, declared: Sequence[Member], upgrade: Upgrade
) -> list[Member]:
    """What is stored beside the fields of the class: those of the version before, and the mark."""
    if record is None or record.extras:
        raise ConfigurationError(f"{cls.__name__}: an upgrade is for classes that declare all their fields")
    names = {member.name for member in declared}
    for name in upgrade.fields:
        if name not in names:
            raise ConfigurationError(f"{cls.__name__} declares no field {name!r}, which the upgrade names")
    for name in ("id", "created_at", "updated_at"):
        if name in upgrade.fields or name in dict(upgrade.old):
            raise ConfigurationError(f"{cls.__name__}: {name} is kept by the storage and is not upgraded")
    old = [Member(name, annotation) for name, annotation in upgrade.old]
    return [*old, Member(UPGRADED_FROM, str | None, default=None, required=False)]


def _as_before(names: Iterable[str], upgrade: Upgrade) -> list[str]:
    """The fields of the version before, in its order: the old ones stand where the first of the new ones does."""
    old = [name for name, _ in upgrade.old]
    kept: list[str] = []
    for name in names:
        if name in upgrade.fields:
            kept += old
            old = []
        elif name != UPGRADED_FROM and name not in dict(upgrade.old):
            kept.append(name)
    return kept


def _check_replacing(
    cls: type[object], upgrade: Upgrade, specs: Iterable[IndexSpec], marks: Mapping[str, tuple[object, ...]]
) -> None:
    """Refuse what the engine could not keep true of fields that the old class does not fill."""
    for name in upgrade.fields:
        if any(isinstance(mark, Searchable | Revision) for mark in marks[name]):
            raise ConfigurationError(
                f"{cls.__name__}.{name}: a field is searchable, or the revision, once the upgrade is complete"
            )
    for spec in specs:
        if (spec.unique or spec.substring) and not set(upgrade.fields).isdisjoint(
            _top(path) for path in spec.paths
        ):
            raise ConfigurationError(
                f"{cls.__name__}: an index on {', '.join(spec.paths)} is unique, or of substrings, once the upgrade is "
                "complete"
            )


def _top(path: str) -> str:
    return path.partition(".")[0]


def _marks(annotation: object) -> tuple[object, ...]:
    """The markers on a field, through Annotated, Optional and the like."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return (
            *_marks(inner),
            *(mark() if isinstance(mark, type) and _is_marker(mark) else mark for mark in marks),
        )
    if type(None) in get_args(annotation):
        return tuple(mark for part in get_args(annotation) for mark in _marks(part))
    return ()


def _is_marker(mark: type) -> bool:
    return issubclass(mark, Index | Searchable | Revision)


def declared_field(name: str, annotation: object, default: object = MISSING) -> Field:
    """A field of that type, as a class would declare it; ConfigurationError for what cannot be stored.

    ``default`` is its constant default, MISSING where it has none.
    """
    return _field("the field", Member(name, annotation, default=default, required=default is MISSING))


def _field(owner: str, member: Member) -> Field:
    where = f"{owner}.{member.name}"
    check_field_name(member.name)
    shape = shape_of(member.annotation, where=where)
    # A default of None makes the field nullable, as the class's author plainly meant.
    nullable = member.default is None or isinstance(shape, Nullable | Anything)
    if isinstance(shape, Nullable):
        shape = shape.item
    scalar = shape if isinstance(shape, Scalar) else None
    has_default, default = _default(where, member, shape)
    return Field(
        name=member.name,
        key=escape_key(member.name),
        shape=shape,
        nullable=nullable,
        scalar=scalar,
        column=column_name(member.name) if scalar is not None else "",
        has_default=has_default,
        default=default,
    )


def _default(where: str, member: Member, shape: Shape) -> tuple[bool, Canonical]:
    if member.factory is not None:
        # Written list or, for the type checker, list[int]: the same empty list.
        factory = get_origin(member.factory) or member.factory
        known = factory in _EMPTY_FACTORIES
        return known, _EMPTY_FACTORIES[factory] if known else None
    if member.required or not member.has_constant:
        return False, None
    if member.default is None:
        return True, None
    try:
        return True, encoder(shape)(member.default)
    except InvalidEntityError as error:
        raise ConfigurationError(f"{where}: its default cannot be stored: {error}") from error


def _check_id(cls: type[object], field: Field | None) -> None:
    scalar = None if field is None else field.scalar
    if (
        scalar is None
        or scalar.kind not in (Kind.STR, Kind.UUID)
        or scalar.enum is not None
        or scalar.allowed
    ):
        raise ConfigurationError(
            f"{cls.__name__} needs an id that the storage can fill: declare `id: str | None = None` (or UUID | None)"
        )


def _timestamp(field: Field | None) -> Field | None:
    """The field, when it is one of those the storage fills with the time: declared datetime or str."""
    if field is None or field.scalar is None or field.scalar.enum is not None or field.scalar.allowed:
        return None
    return field if field.scalar.kind in (Kind.STR, Kind.DATETIME) else None


def _revision(
    cls: type[object], fields: Sequence[Field], marks: dict[str, tuple[object, ...]]
) -> Field | None:
    marked = [field for field in fields if any(isinstance(mark, Revision) for mark in marks[field.name])]
    if len(marked) > 1:
        names = " and ".join(field.name for field in marked)
        raise ConfigurationError(
            f"{cls.__name__} declares two revisions, {names}; one field can count versions"
        )
    for field in marked:
        scalar = field.scalar
        if scalar is None or scalar.kind is not Kind.INT or scalar.enum is not None or scalar.allowed:
            raise ConfigurationError(f"{cls.__name__}.{field.name}: a Revision() is an int")
    return marked[0] if marked else None


def _searchable(
    cls: type[object],
    fields: dict[str, Field],
    marks: dict[str, tuple[object, ...]],
    by_key: dict[str, Field],
    extras: bool,
    given: tuple[tuple[str, int], ...] | None,
) -> tuple[tuple[str, int], ...]:
    if given is None:
        given = tuple(
            (name, mark.weight) for name in fields for mark in marks[name] if isinstance(mark, Searchable)
        ) or tuple((name, 1) for name, field in fields.items() if name != "id" and _is_text(field.scalar))
    weights: dict[str, int] = {}
    for path, weight in given:
        reached = reach(cls, path, by_key, extras)
        if reached is not None and not _is_text(reached if isinstance(reached, Scalar) else None):
            raise ConfigurationError(f"{cls.__name__}.{path}: only a str field can be searchable")
        if path in weights:
            raise ConfigurationError(f"{cls.__name__}.{path} is declared searchable twice")
        weights[path] = weight
    return tuple(weights.items())


def _is_text(scalar: Scalar | None) -> bool:
    return scalar is not None and scalar.kind is Kind.STR and scalar.enum is None


def finished(field: Field, specs: Sequence[IndexSpec], weights: dict[str, int]) -> Field:
    """The field, with what the indexes and the searchable paths make of it."""
    covering = [spec for spec in specs if field.name in spec.paths and not spec.substring]
    changes: dict[str, Any] = {
        "indexed": bool(covering) or field.name == "id",
        "unique": any(spec.unique and len(spec.paths) == 1 for spec in covering),
        "searchable": weights.get(field.name, 0),
    }
    return msgspec.structs.replace(field, **changes)
