"""The values in which users ask: filters, field expressions, sort orders and pages.

They are plain data. Nothing is checked against an entity until a repository takes them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Generic, NoReturn, TypeAlias, TypeVar, cast

import msgspec

from ..errors import InvalidQueryError

__all__ = [
    "AllOf",
    "AnyOf",
    "CursorPage",
    "CursorPagination",
    "Expression",
    "F",
    "Filters",
    "Negation",
    "Operator",
    "PaginatedResult",
    "Pagination",
    "QueryFilter",
    "SearchHit",
    "SortBy",
    "SortOrder",
    "listed",
    "parse_operator",
]

T = TypeVar("T")
LARGEST_OFFSET = 2**63 - 1


class SortOrder(enum.StrEnum):
    """The direction of a sort: null and missing come first ascending, last descending."""

    ASC = "asc"
    DESC = "desc"


class Operator(enum.StrEnum):
    """Every operator there is; the semantics page gives the rule of each."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    IN = "in"
    NOT_IN = "not_in"
    IS_NULL = "is_null"
    EXISTS = "exists"
    LIKE = "like"
    ILIKE = "ilike"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    REGEX = "regex"


_ALIASES = {
    "==": Operator.EQ,
    "!=": Operator.NE,
    ">": Operator.GT,
    ">=": Operator.GTE,
    "<": Operator.LT,
    "<=": Operator.LTE,
    "nin": Operator.NOT_IN,
    "notin": Operator.NOT_IN,
    "startswith": Operator.STARTS_WITH,
    "endswith": Operator.ENDS_WITH,
}
_OPERATORS: dict[str, Operator] = {**{operator.value: operator for operator in Operator}, **_ALIASES}


def parse_operator(operator: object) -> Operator:
    """The operator of that name or alias; InvalidQueryError lists the names there are."""
    found = _OPERATORS.get(operator) if isinstance(operator, str) else None
    if found is None:
        raise InvalidQueryError(
            f"unknown operator; the operators are {', '.join(item.value for item in Operator)}"
        )
    return found


class Expression:
    """A condition that combines with ``&``, ``|`` and ``~``."""

    __slots__ = ()

    def __and__(self, other: Expression) -> Expression:
        return AllOf((self, other))

    def __or__(self, other: Expression) -> Expression:
        return AnyOf((self, other))

    def __invert__(self) -> Expression:
        return Negation(self)

    def __bool__(self) -> NoReturn:
        # `a and b` would silently drop a.
        raise TypeError("combine filters with & | ~ (and parentheses), not with and, or, not")


class QueryFilter(msgspec.Struct, Expression, frozen=True):
    """One predicate: a field path, an operator and its operand.

    ``is_null`` and ``exists`` take True or False, ``between`` a pair, ``in`` and ``not_in`` a list, a tuple or a set.
    """

    field: str
    operator: str
    value: object = True


class AllOf(msgspec.Struct, Expression, frozen=True):
    """Every one of these conditions; true when there are none."""

    items: Sequence[Expression]

    def __and__(self, other: Expression) -> Expression:
        return AllOf((*self.items, other))  # a chain of any length nests no deeper


class AnyOf(msgspec.Struct, Expression, frozen=True):
    """At least one of these conditions; false when there are none."""

    items: Sequence[Expression]

    def __or__(self, other: Expression) -> Expression:
        return AnyOf((*self.items, other))


class Negation(msgspec.Struct, Expression, frozen=True):
    """The complement of this condition."""

    item: Expression


Filters: TypeAlias = Expression | Iterable[Expression] | None


class F:
    """A field, to build conditions from: ``F("status") == "active"``, ``F("tags").contains("x")``."""

    __slots__ = ("_path",)
    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # == builds a condition: a field cannot be a key

    def __init__(self, path: str) -> None:
        self._path = path

    def __eq__(self, value: object) -> QueryFilter:  # type: ignore[override]  # builds a condition
        return QueryFilter(self._path, Operator.EQ, value)

    def __ne__(self, value: object) -> QueryFilter:  # type: ignore[override]  # builds a condition
        return QueryFilter(self._path, Operator.NE, value)

    def __gt__(self, value: object) -> QueryFilter:
        return QueryFilter(self._path, Operator.GT, value)

    def __ge__(self, value: object) -> QueryFilter:
        return QueryFilter(self._path, Operator.GTE, value)

    def __lt__(self, value: object) -> QueryFilter:
        return QueryFilter(self._path, Operator.LT, value)

    def __le__(self, value: object) -> QueryFilter:
        return QueryFilter(self._path, Operator.LTE, value)

    def between(self, low: object, high: object) -> QueryFilter:
        """From low to high, both included."""
        return QueryFilter(self._path, Operator.BETWEEN, (low, high))

    def in_(self, values: Iterable[object]) -> QueryFilter:
        """Equal to one of these values."""
        return QueryFilter(self._path, Operator.IN, listed(values))

    def not_in(self, values: Iterable[object]) -> QueryFilter:
        """Equal to none of these values."""
        return QueryFilter(self._path, Operator.NOT_IN, listed(values))

    def is_null(self, value: bool = True) -> QueryFilter:
        """Null or missing (or, with False, neither)."""
        return QueryFilter(self._path, Operator.IS_NULL, value)

    def exists(self, value: bool = True) -> QueryFilter:
        """Present, be it null (or, with False, absent)."""
        return QueryFilter(self._path, Operator.EXISTS, value)

    def like(self, pattern: str) -> QueryFilter:
        r"""The whole string matches: ``%`` any run, ``_`` one code point, ``\`` escapes."""
        return QueryFilter(self._path, Operator.LIKE, pattern)

    def ilike(self, pattern: str) -> QueryFilter:
        """As ``like``, under simple one-to-one case folding."""
        return QueryFilter(self._path, Operator.ILIKE, pattern)

    def starts_with(self, prefix: str) -> QueryFilter:
        """A string that starts with exactly this."""
        return QueryFilter(self._path, Operator.STARTS_WITH, prefix)

    def ends_with(self, suffix: str) -> QueryFilter:
        """A string that ends with exactly this."""
        return QueryFilter(self._path, Operator.ENDS_WITH, suffix)

    def contains(self, value: object) -> QueryFilter:
        """A string that holds this text, or a list that holds this element."""
        return QueryFilter(self._path, Operator.CONTAINS, value)

    def matches(self, pattern: str) -> QueryFilter:
        """A string in which the portable regular expression is found."""
        return QueryFilter(self._path, Operator.REGEX, pattern)


def listed(values: object) -> list[object]:
    """The values of an ``in``; InvalidQueryError for what is no list of them, a text too."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise InvalidQueryError("takes a list, a tuple or a set of values")
    return list(cast("Iterable[object]", values))


SortBy: TypeAlias = str | Sequence[str | tuple[str, SortOrder]] | None


class Pagination(msgspec.Struct, frozen=True):
    """A page by number, counted from 1."""

    page: int = 1
    per_page: int = 50

    def __post_init__(self) -> None:
        for name, value, least in (("page", self.page, 1), ("per_page", self.per_page, 0)):
            if type(value) is not int or value < least:
                raise InvalidQueryError(f"{name} must be an int of at least {least}")
        if self.page * self.per_page > LARGEST_OFFSET:
            raise InvalidQueryError("page times per_page is beyond 2**63 - 1")

    @property
    def offset(self) -> int:
        """How many entities come before the page."""
        return (self.page - 1) * self.per_page

    @property
    def limit(self) -> int:
        """How many entities the page holds at most."""
        return self.per_page


class CursorPagination(msgspec.Struct, frozen=True):
    """A page by position: the entities after, or before, the one where a cursor stands.

    Its cost does not grow with its distance from the first page, and it neither skips nor repeats an entity when
    others are written meanwhile.
    """

    after: str | None = None
    before: str | None = None
    limit: int = 50

    def __post_init__(self) -> None:
        # One more than the limit is asked for, to know whether there is a next page.
        if type(self.limit) is not int or not 1 <= self.limit < LARGEST_OFFSET:
            raise InvalidQueryError("limit must be an int from 1 to 2**63 - 2")
        if self.after is not None and self.before is not None:
            raise InvalidQueryError("a page is after a cursor or before one, not both")
        for cursor in (self.after, self.before):
            if cursor is not None and not isinstance(cursor, str):
                raise InvalidQueryError("a cursor is the text that a CursorPage gave")


class PaginatedResult(msgspec.Struct, Generic[T], frozen=True):
    """One page by number, and how many entities there are in all."""

    items: list[T]
    total: int
    page: int
    per_page: int

    @property
    def pages(self) -> int:
        """How many pages there are; 0 when nothing matches or per_page is 0."""
        return -(-self.total // self.per_page) if self.per_page else 0

    @property
    def has_next(self) -> bool:
        """Whether a page follows this one."""
        return self.page < self.pages

    @property
    def has_prev(self) -> bool:
        """Whether a page that holds entities comes before this one."""
        return self.page > 1 and self.pages > 0


class CursorPage(msgspec.Struct, Generic[T], frozen=True):
    """One page by position; ``next`` and ``previous`` are the cursors of its neighbours, None where there is none."""

    items: list[T]
    next: str | None
    previous: str | None


class SearchHit(msgspec.Struct, Generic[T], frozen=True):
    """A found entity, its relevance (an integer, the same on every engine) and marked extracts by field."""

    entity: T
    score: int
    snippets: dict[str, str]
