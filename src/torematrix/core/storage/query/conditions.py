"""Conditions: what a filter means once its names and values have been checked against the entity's schema.

A condition is closed, typed and portable. Every operand in it is canonical; every target is a declared column or a
path inside the document. Drivers compile it, ``evaluate`` answers it, and both must agree.

Logic is two-valued: each node is true or false for every entity, and ``Not`` is the complement.
"""

from __future__ import annotations

import enum
from functools import cached_property

import msgspec

from ..model.kinds import Canonical, Kind, Scalar
from ..model.schema import Field
from ..model.shapes import Shape
from .paths import Step
from .patterns import LikePattern
from .regex import Regex

__all__ = [
    "FALSE",
    "TRUE",
    "All",
    "Behind",
    "Compare",
    "Comparison",
    "Condition",
    "Const",
    "Either",
    "Exists",
    "HasElement",
    "In",
    "IsNull",
    "Like",
    "Matches",
    "Not",
    "Same",
    "ScalarValue",
    "Some",
    "Target",
    "TextTest",
    "TextTests",
    "all_of",
    "any_of",
    "negated",
]

ScalarValue = str | int | float | bool


class Target(msgspec.Struct, frozen=True, dict=True):
    """Where a predicate looks.

    ``steps`` are stored (percent-escaped) keys, indexes and wildcards from the root of the canonical document or,
    under ``Some``, from the element. ``column`` is set where the whole path is one declared scalar field.
    """

    text: str
    steps: tuple[Step, ...]
    shape: Shape
    nullable: bool
    column: Field | None = None
    in_element: bool = False

    # Targets are made once for a path and asked all the time, so what follows from them is kept (in their __dict__).

    @cached_property
    def scalar(self) -> Scalar | None:
        """The declared scalar at this place, None where it is a container, a union or undeclared."""
        return self.shape if isinstance(self.shape, Scalar) else None

    @cached_property
    def compiled(self) -> dict[object, str]:
        """What engines have made of it, each under a key of its own."""
        return {}

    @cached_property
    def ordered_text(self) -> bool:
        """Whether values here compare by the key part of an ordered text."""
        scalar = self.scalar
        return scalar is not None and scalar.kind in (Kind.DECIMAL, Kind.BIGINT)


class Const(msgspec.Struct, frozen=True):
    """Always true, or always false."""

    value: bool


class All(msgspec.Struct, frozen=True):
    """Every item holds."""

    items: tuple[Condition, ...]


class Either(msgspec.Struct, frozen=True):
    """At least one item holds."""

    items: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True):
    """The item does not hold."""

    item: Condition


class IsNull(msgspec.Struct, frozen=True):
    """Null or missing."""

    target: Target


class Exists(msgspec.Struct, frozen=True):
    """Present, be it null. Never asked of a declared field, which is always present."""

    target: Target


class Comparison(enum.StrEnum):
    """How two values of one kind compare."""

    EQ = "eq"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"


class Compare(msgspec.Struct, frozen=True):
    """The value has the operand's kind (number, string or bool) and compares so to it.

    At an ``ordered_text`` target the operand is the key part alone.
    """

    target: Target
    comparison: Comparison
    value: ScalarValue


class In(msgspec.Struct, frozen=True):
    """Equal to one of these scalars, all of one kind (numbers, strings or bools); at least one is given."""

    target: Target
    values: tuple[ScalarValue, ...]


class Behind(msgspec.Struct, frozen=True):
    """Behind an edge in an order whose keys all run one way: the first key that differs from its value decides.

    Where that key is null it does not hold. ``spelled_out`` is the same in other conditions; an engine that compares
    rows begins its scan of an index at the edge, however many entities share the first key.
    """

    targets: tuple[Target, ...]
    values: tuple[ScalarValue, ...]
    descending: bool

    @property
    def comparison(self) -> Comparison:
        """How the keys compare to their values, as rows."""
        return Comparison.LT if self.descending else Comparison.GT

    def spelled_out(self) -> Condition:
        """The same, key by key; its first bound says nothing new, and is what an index serves."""
        beyond: Condition = FALSE
        for target, value in zip(reversed(self.targets), reversed(self.values), strict=True):
            tied = all_of([Compare(target, Comparison.EQ, value), beyond])
            beyond = any_of([Compare(target, self.comparison, value), tied])
        inclusive = Comparison.LE if self.descending else Comparison.GE
        return all_of([Compare(self.targets[0], inclusive, self.values[0]), beyond])


class Same(msgspec.Struct, frozen=True):
    """Deeply equal to this list or dict."""

    target: Target
    value: list[Canonical] | dict[str, Canonical]


class HasElement(msgspec.Struct, frozen=True):
    """A list with an element deeply equal to this value (None is the element null)."""

    target: Target
    value: Canonical
    ordered_text: bool = False


class TextTests(enum.StrEnum):
    """The literal tests of a string."""

    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"


class TextTest(msgspec.Struct, frozen=True):
    """A string that contains, starts with or ends with exactly this text."""

    target: Target
    test: TextTests
    text: str


class Like(msgspec.Struct, frozen=True):
    """A string that the pattern matches whole, under simple case folding where ``fold``."""

    target: Target
    pattern: LikePattern
    fold: bool


class Matches(msgspec.Struct, frozen=True):
    """A string in which the regular expression is found."""

    target: Target
    regex: Regex


class Some(msgspec.Struct, frozen=True):
    """A list with an element for which the item, whose targets start at the element, holds."""

    target: Target
    item: Condition


Condition = (
    Const
    | All
    | Either
    | Not
    | IsNull
    | Exists
    | Compare
    | Behind
    | In
    | Same
    | HasElement
    | TextTest
    | Like
    | Matches
    | Some
)

TRUE = Const(True)
FALSE = Const(False)


def all_of(items: list[Condition]) -> Condition:
    """Their conjunction, constants folded."""
    kept = [item for item in items if item is not TRUE]
    if any(item is FALSE for item in kept):
        return FALSE
    if len(kept) == 1:
        return kept[0]
    return All(tuple(kept)) if kept else TRUE


def any_of(items: list[Condition]) -> Condition:
    """Their disjunction, constants folded."""
    kept = [item for item in items if item is not FALSE]
    if any(item is TRUE for item in kept):
        return TRUE
    if len(kept) == 1:
        return kept[0]
    return Either(tuple(kept)) if kept else FALSE


def negated(item: Condition) -> Condition:
    """Its complement, constants folded."""
    if isinstance(item, Const):
        return FALSE if item.value else TRUE
    return item.item if isinstance(item, Not) else Not(item)
