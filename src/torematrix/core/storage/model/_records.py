"""What a class of records declares: its members, their types and defaults, and how its constructor takes them.

Dataclasses, ``msgspec.Struct``, pydantic v2 models, attrs classes, NamedTuples and TypedDicts are read through one
door. pydantic and attrs are never imported here: a class of theirs can exist only after the application did that.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated, Any, ClassVar, TypeGuard, TypeVar, cast

import msgspec

from ..errors import ConfigurationError

__all__ = [
    "MISSING",
    "Member",
    "RecordClass",
    "StoredRecord",
    "is_record_class",
    "may_refuse",
    "per_class",
    "record_class",
]

R = TypeVar("R")


class _Missing:
    """The absence of a default, where None is one."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


class Member(msgspec.Struct, frozen=True):
    """One declared attribute (or TypedDict key).

    Attributes:
        name: the attribute.
        annotation: its evaluated type, with ``Annotated`` metadata.
        default: its constant default, or MISSING.
        factory: what makes its default from nothing, or None.
        parameter: the constructor's name for it, or None when the constructor does not take it.
        required: whether an instance can be made only with a value for it.
    """

    name: str
    annotation: Any
    default: Any = MISSING
    factory: Callable[[], object] | None = None
    parameter: str | None = None
    required: bool = True

    @property
    def has_constant(self) -> bool:
        """Whether its default is a constant."""
        return self.default is not MISSING


class RecordClass(msgspec.Struct, frozen=True):
    """A class of records as this library sees it.

    Attributes:
        cls: the class itself.
        members: its members, in declared order.
        positional: how many members, from the first, the constructor takes by position; the others go by keyword.
        extras: whether an instance may carry undeclared attributes that belong to its data (pydantic).
        mapping: whether instances are plain dicts (TypedDict).
        tag: the key and the value by which msgspec tells this class from others, or None.
    """

    cls: type[object]
    members: tuple[Member, ...]
    positional: int = 0
    extras: bool = False
    mapping: bool = False
    tag: tuple[str, str | int] | None = None


class StoredRecord:
    """A class known only from what was stored of it: its instances are dicts, its members' annotations are shapes."""

    record: ClassVar[RecordClass]


def _pydantic_model() -> type | None:
    module = sys.modules.get("pydantic")
    return getattr(module, "BaseModel", None)


def _is_pydantic(cls: Any) -> bool:
    base = _pydantic_model()
    return base is not None and issubclass(cls, base)


def is_record_class(cls: object) -> TypeGuard[type[object]]:
    """Whether the object is a class whose instances this library can take apart and put together."""
    return isinstance(cls, type) and _is_record(cls)


def _is_record(cls: Any) -> bool:
    return (
        dataclasses.is_dataclass(cls)
        or issubclass(cls, msgspec.Struct)
        or hasattr(cls, "__attrs_attrs__")
        or typing.is_typeddict(cls)
        or (hasattr(cls, "_field_defaults") and issubclass(cls, tuple))
        or _is_pydantic(cls)
    )


def may_refuse(cls: Any) -> bool:
    """Whether making an instance runs code of the class's own, which may refuse values of the declared types."""
    hooks = ("__post_init__", "__attrs_pre_init__", "__attrs_post_init__", "__pydantic_validator__")
    if any(hasattr(cls, hook) for hook in hooks):
        return True
    if dataclasses.is_dataclass(cls):
        parameters: Any = getattr(cls, "__dataclass_params__")  # noqa: B009 - no type checker knows it
        return not parameters.init
    attributes: Any = getattr(cls, "__attrs_attrs__", ())
    return any(one.validator is not None or one.converter is not None for one in attributes)


def per_class(make: Callable[[type[object]], R]) -> Callable[[type[object]], R]:
    """The same function, its answer remembered for each class."""
    # Every class can be hashed, which the type checkers doubt of type[object].
    return cast("Callable[[type[object]], R]", lru_cache(maxsize=1024)(make))


@per_class
def record_class(cls: type[object]) -> RecordClass:
    """What the class declares; ConfigurationError when its annotations or its constructor cannot be followed."""
    if issubclass(cls, StoredRecord):
        return cls.record
    if _is_pydantic(cls):
        return _from_pydantic(cls)
    hints = _hints(cls)
    if typing.is_typeddict(cls):
        required: frozenset[str] = getattr(cls, "__required_keys__", frozenset[str]())
        found = [
            Member(name, hint, parameter=name, required=name in required) for name, hint in hints.items()
        ]
        return RecordClass(cls, tuple(found), mapping=True)
    tag = None
    if issubclass(cls, msgspec.Struct):
        members = list(_struct_members(cls, hints))
        config = cls.__struct_config__
        if config.tag_field is not None and config.tag is not None:
            tag = (config.tag_field, config.tag)
    elif hasattr(cls, "__attrs_attrs__"):
        members = list(_attrs_members(cls, hints))
    elif dataclasses.is_dataclass(cls):
        members = list(_dataclass_members(cls, hints))
    else:
        members = list(_tuple_members(cls, hints))
    return RecordClass(cls, tuple(members), positional=_positional(cls, members), tag=tag)


def _hints(cls: type[object]) -> dict[str, Any]:
    try:
        # The class's own name is not yet bound where a recursive class is declared inside a function.
        return typing.get_type_hints(cls, localns={cls.__name__: cls}, include_extras=True)
    except NameError as error:
        raise ConfigurationError(
            f"{cls.__name__}: the annotation {error.name!r} cannot be resolved; declare or import it at module level"
        ) from error
    except TypeError as error:
        raise ConfigurationError(f"{cls.__name__}: an annotation cannot be evaluated: {error}") from error


def _dataclass_members(cls: Any, hints: dict[str, Any]) -> Iterator[Member]:
    for field in dataclasses.fields(cls):
        default: Any = MISSING if field.default is dataclasses.MISSING else field.default
        factory = None if field.default_factory is dataclasses.MISSING else field.default_factory
        if hasattr(cls, "__pydantic_fields__"):
            # pydantic's dataclasses keep the whole declaration where the default of a plain one stands.
            default, factory = _pydantic_default(cls.__pydantic_fields__[field.name])
        yield Member(
            field.name,
            hints.get(field.name, Any),
            default=default,
            factory=factory,
            parameter=field.name if field.init else None,
            required=field.init and default is MISSING and factory is None,
        )


def _struct_members(cls: type[msgspec.Struct], hints: dict[str, Any]) -> Iterator[Member]:
    for field in msgspec.structs.fields(cls):
        yield Member(
            field.name,
            hints.get(field.name, Any),
            default=MISSING if field.default is msgspec.NODEFAULT else field.default,
            factory=None if field.default_factory is msgspec.NODEFAULT else field.default_factory,
            parameter=field.name,
            required=field.required,
        )


def _attrs_members(cls: Any, hints: dict[str, Any]) -> Iterator[Member]:
    attr: Any = sys.modules["attr"]
    for field in cls.__attrs_attrs__:
        default: Any = field.default
        factory: Callable[[], object] | None = None
        if isinstance(default, attr.Factory):
            default, factory = MISSING, None if default.takes_self else default.factory
        yield Member(
            field.name,
            hints.get(field.name, field.type if field.type is not None else Any),
            default=MISSING if default is attr.NOTHING else default,
            factory=factory,
            parameter=field.alias if field.init else None,
            required=field.init and field.default is attr.NOTHING,
        )


def _tuple_members(cls: Any, hints: dict[str, Any]) -> Iterator[Member]:
    defaults: dict[str, object] = cls._field_defaults
    for name in cls._fields:
        yield Member(
            name,
            hints.get(name, Any),
            default=defaults.get(name, MISSING),
            parameter=name,
            required=name not in defaults,
        )


def _from_pydantic(cls: Any) -> RecordClass:
    by_name = bool(cls.model_config.get("populate_by_name") or cls.model_config.get("validate_by_name"))
    members: list[Member] = []
    for name, field in cls.model_fields.items():
        alias = field.validation_alias if field.validation_alias is not None else field.alias
        if alias is None or by_name:
            parameter = name
        elif isinstance(alias, str):
            parameter = alias
        else:
            raise ConfigurationError(
                f"{cls.__name__}.{name}: with an alias of several names or parts, set populate_by_name on the model"
            )
        annotation = field.annotation
        for extra in field.metadata:
            annotation = Annotated[annotation, extra]
        default, factory = _pydantic_default(field)
        members.append(
            Member(
                name,
                annotation,
                default=default,
                factory=factory,
                parameter=parameter,
                required=field.is_required(),
            )
        )
    return RecordClass(cls, tuple(members), extras=cls.model_config.get("extra") == "allow")


def _pydantic_default(field: Any) -> tuple[Any, Callable[[], object] | None]:
    if field.default_factory is not None:
        return MISSING, None if getattr(
            field, "default_factory_takes_validated_data", False
        ) else field.default_factory
    return (MISSING if field.is_required() else field.default), None


def _positional(cls: type[object], members: list[Member]) -> int:
    """How many members the constructor takes by position, after checking that it can be called with all of them."""
    try:
        parameters = list(inspect.signature(cls).parameters.values())
    except (TypeError, ValueError):
        return 0
    taken = [member.parameter for member in members if member.parameter is not None]
    for parameter in parameters:
        variable = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if parameter.name not in taken and parameter.default is inspect.Parameter.empty and not variable:
            raise ConfigurationError(
                f"{cls.__name__}: its constructor requires {parameter.name!r}, which is not a stored field"
            )
    count = 0
    for parameter, member in zip(parameters, members, strict=False):
        by_position = parameter.kind in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
        if not by_position or parameter.name != member.parameter:
            break
        count += 1
    return count
