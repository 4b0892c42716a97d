"""Random programs: what is stored first, then writes, questions, pages, searches, streams and transactions.

A number is a program, the same in every process and every version of Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, cast
from uuid import UUID

from ...model._keys import split_path
from ...model.schema import IndexSpec, Schema
from ...query.filters import Pagination
from .draws import Draws
from .family import FAMILY, PLAIN, SCHEMAS
from .questions import Questions
from .steps import Call, Edit, Program, Scope, Step, Streamed
from .values import IDS, Palette, id_of, member

__all__ = ["make_program"]

_VIEWED: Final = "reading"
_VIEW: Final = "older"
"""Another class's view of the same collection."""
_SINGLE_EVERY: Final = 20
"""One program in so many has single-document writes alone, for deployments that have no others."""
_BAD_VALUES: Final[tuple[Any, ...]] = (
    *(float("nan"), float("inf"), 2**63, "\0", "\ud800", object, b"\0", (1, 2), {1: 2}, [{}], 1.5, "é" * 1001),
)  # fmt: skip
_SPREAD: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Odd, so that its multiples differ; they look like random UUIDs."""
_BAD_IDS: Final = ("", "nope", "\0", "\ud800", "x" * 2_001)


def make_program(number: int) -> Program:
    """Program ``number``."""
    draws = Draws(f"program {number}")
    single = number % _SINGLE_EVERY == _SINGLE_EVERY - 1
    names = [name for name in (PLAIN if single else FAMILY) if name != _VIEW]
    palette = Palette(draws)
    makers: list[_Maker] = []
    for at, name in enumerate(draws.several(names, 2 if draws.chance(0.15) else 1)):
        most = 8 if single or at else draws.pick((8, 16, 24, 24, 36))
        makers.append(_Maker(palette, name, draws.between(0 if at else 4, most)))
        if name == _VIEWED and draws.chance(0.3):
            makers.append(_Maker(palette, _VIEW, 0, of=makers[-1]))
    steps = _Steps(draws, makers, single=single)
    return Program(
        number,
        {maker.name: maker.held for maker in makers},
        tuple(steps.step(2) for _ in range(draws.between(7, 12))),
        single,
    )


class _Maker:
    """Makes entities of one subject, and what refers to them.

    Args:
        palette: what they are drawn from.
        name: the subject.
        count: how many of them are stored at the start.
        of: makes entities of the same collection, which are stored for both.
    """

    def __init__(self, palette: Palette, name: str, count: int, of: _Maker | None = None) -> None:
        self.palette = palette
        self.draws = draws = palette.draws
        self.name = name
        self.schema: Schema = SCHEMAS[name]
        self.ids: list[str] = draws.several(_ids(self.schema, count + 8), count + 8) if of is None else of.ids
        self._taken: dict[IndexSpec, set[Any]] = {}
        self.held = [self._apart(palette.entity(self.schema, self.ids[at])) for at in range(count)]
        known = self.held if of is None else [_viewed(entity, self.schema) for entity in of.held]
        self.stored = len(known)
        self.questions = Questions(palette, self.schema, known)

    def _apart(self, entity: Any) -> Any:
        """The entity, with None in place of unique values that another one has."""
        for spec in self.schema.indexes:
            if not spec.unique:
                continue
            taken = self._taken.setdefault(spec, set())
            key = tuple(_read(entity, path) for path in spec.paths)
            if None not in key and key in taken:
                _clear(entity, spec.paths[-1] if spec.paths[0] != "code" else "code")
            elif None not in key:
                taken.add(key)
        return entity

    def known_id(self) -> str:
        """An id that an entity was stored under at the start."""
        return self.ids[self.draws.below(max(1, self.stored))]

    def any_id(self) -> str:
        """Mostly such an id; else one of the others, or one that no entity can have."""
        place = self.draws.below(20)
        if place < 15:
            return self.known_id()
        return self.draws.pick(self.ids) if place < 19 else self.draws.pick(_BAD_IDS)

    def new_id(self) -> str | None:
        """Mostly an id that was free at the start; else none, or one that may be taken."""
        place = self.draws.below(20)
        if place < 13:
            return self.draws.pick(self.ids[self.stored :])
        if place < 16:
            return None if self.schema.id.nullable or self.schema.freeform else self.known_id()
        return self.known_id()

    def entity(self, entity_id: str | None) -> Any:
        """A new entity with that id, mostly with unique values of its own, rarely one that is refused."""
        entity = self.palette.entity(self.schema, entity_id)
        if self.draws.chance(0.6):
            self._apart(entity)
        return self._spoiled(entity) if self.draws.chance(0.03) else entity

    def fresh(self) -> Any:
        """An entity to create."""
        return self.entity(self.new_id())

    def edit(self, entity_id: str | None) -> Edit:
        """A stored entity, read and changed; sometimes stale."""
        draws = self.draws
        entity = self.entity(entity_id)
        if self.schema.freeform:
            known = [key for key in (*cast("dict[str, Any]", entity), "a", "t") if key != "id"]
        else:
            kept = ("id", None if self.schema.revision is None else self.schema.revision.name)
            known = [field.name for field in self.schema.fields if field.name not in kept]
        names = tuple(dict.fromkeys(draws.several(known, draws.between(1, 5))))
        return Edit(entity, names, draws.pick((-1, 1, 5)) if draws.chance(0.12) else 0)

    def _spoiled(self, entity: Any) -> Any:
        bad = self.draws.pick(_BAD_VALUES)
        if self.schema.freeform:
            return {**entity, self.palette.key(): bad}
        names = [field.name for field in self.schema.fields if field is not self.schema.revision]
        setattr(entity, self.draws.pick(names), bad)
        return entity


class _Steps:
    """Makes the steps of a program."""

    def __init__(self, draws: Draws, makers: list[_Maker], *, single: bool) -> None:
        self._draws = draws
        self._makers = makers
        self._single = single
        weights = _SINGLE_WEIGHTS if single else _WEIGHTS
        self._kinds = tuple((weight, kind) for kind, weight in weights.items())
        self._inner = tuple((weight, kind) for weight, kind in self._kinds if kind is not _Steps.streamed)

    def step(self, depth: int) -> Step:
        """A step that holds others at most so deep."""
        draws = self._draws
        maker = self._makers[0] if draws.chance(0.75) else draws.pick(self._makers)
        while True:
            kind = draws.weighted(self._kinds if depth == 2 else self._inner)
            if kind in (_Steps.scope, _Steps.streamed) and not depth:
                continue
            if kind in (_Steps.search, _Steps.search_walk) and not maker.schema.searchable:
                kind = _Steps.list
            return kind(self, maker, depth)

    # ---------------------------------------------------------------------------------------------------- writes

    def create(self, maker: _Maker, _: int) -> Step:
        return Call(maker.name, "create", {"entity": maker.fresh()})

    def update(self, maker: _Maker, _: int) -> Step:
        entity_id = maker.any_id() if maker.draws.chance(0.3) else maker.known_id()
        return Call(maker.name, "update", {"entity": maker.edit(_possible(maker, entity_id))})

    def upsert(self, maker: _Maker, _: int) -> Step:
        draws = maker.draws
        entity: Any = maker.fresh() if draws.chance(0.4) else maker.edit(maker.known_id())
        return Call(maker.name, "upsert", {"entity": entity})

    def patch(self, maker: _Maker, _: int) -> Step:
        draws, schema = maker.draws, maker.schema
        changes = maker.palette.changes(schema)
        if schema.revision is not None and draws.chance(0.4):
            changes[schema.revision.name] = draws.pick((1, 1, 1, 2, 0, "1"))
        if draws.chance(0.04):
            changes[draws.pick(("id", "nope", "created_at", *changes))] = draws.pick(_BAD_VALUES)
        return Call(maker.name, "patch", {"entity_id": maker.any_id(), "changes": changes})

    def delete(self, maker: _Maker, _: int) -> Step:
        return Call(maker.name, "delete", {"entity_id": maker.any_id()})

    def bulk_create(self, maker: _Maker, _: int) -> Step:
        draws = maker.draws
        free = [*maker.ids[maker.stored :], *(None for _ in range(2))]
        entities = [maker.entity(each) for each in draws.several(free, draws.below(5))]
        if draws.chance(0.4):
            defect = (
                draws.pick(entities) if entities and draws.chance(0.3) else maker.entity(maker.known_id())
            )
            entities.insert(draws.below(len(entities) + 1), defect)
        return Call(maker.name, "bulk_create", {"entities": entities})

    def bulk_update(self, maker: _Maker, _: int) -> Step:
        draws = maker.draws
        known = maker.ids[: maker.stored]
        entities = [maker.edit(each) for each in draws.several(known, draws.below(5))]
        if draws.chance(0.25):
            wrong = _possible(maker, maker.any_id())
            entities.insert(draws.below(len(entities) + 1), maker.edit(wrong))
        return Call(maker.name, "bulk_update", {"entities": entities})

    def bulk_delete(self, maker: _Maker, _: int) -> Step:
        ids = [maker.any_id() for _ in range(maker.draws.below(5))]
        return Call(maker.name, "bulk_delete", {"entity_ids": ids})

    # ----------------------------------------------------------------------------------------------------- reads

    def get(self, maker: _Maker, _: int) -> Step:
        method = maker.draws.pick(("get", "exists"))
        return Call(maker.name, method, {"entity_id": maker.any_id()})

    def get_many(self, maker: _Maker, _: int) -> Step:
        ids = [maker.any_id() for _ in range(maker.draws.below(6))]
        return Call(maker.name, "get_many", {"entity_ids": ids})

    def list(self, maker: _Maker, _: int) -> Step:
        asked = maker.questions
        return Call(maker.name, "list", {"filters": asked.filter(), "sort_by": asked.sort()})

    def find_one(self, maker: _Maker, _: int) -> Step:
        asked = maker.questions
        return Call(maker.name, "find_one", {"filters": asked.filter(1), "sort_by": asked.sort()})

    def count(self, maker: _Maker, _: int) -> Step:
        return Call(maker.name, "count", {"filters": maker.questions.filter()})

    def page(self, maker: _Maker, _: int) -> Step:
        asked = maker.questions
        arguments = {
            "filters": self._perhaps(maker, 0.6),
            "sort_by": asked.sort(),
            "pagination": Pagination(
                maker.draws.pick((1, 1, 2, 2, 3)), maker.draws.pick((0, 1, 2, 3, 3, 5, 8))
            ),
        }
        return Call(maker.name, "list", arguments)

    def walk(self, maker: _Maker, _: int) -> Step:
        draws = maker.draws
        arguments = {
            "filters": self._perhaps(maker, 0.5),
            "sort_by": maker.questions.sort(),
            "limit": draws.pick((1, 2, 3, 4, 6, 9)),
            "moves": draws.pick(("n", "nn", "nnn", "np", "nnp", "nnnpp", "nnpn", "x", "nnnn")),
        }
        return Call(maker.name, "walk", arguments)

    def search(self, maker: _Maker, _: int) -> Step:
        draws, asked = maker.draws, maker.questions
        arguments: dict[str, Any] = {
            "query": asked.search(),
            "fields": asked.fields(),
            "filters": self._perhaps(maker, 0.25),
            "with_hits": draws.chance(0.6),
        }
        if draws.chance(0.3):
            arguments["pagination"] = Pagination(draws.pick((1, 1, 1, 2, 3)), draws.pick((0, 1, 2, 3, 4)))
        return Call(maker.name, "search", arguments)

    def search_walk(self, maker: _Maker, _: int) -> Step:
        draws, asked = maker.draws, maker.questions
        arguments = {
            "query": asked.search(),
            "fields": asked.fields(),
            "filters": self._perhaps(maker, 0.2),
            "limit": draws.between(1, 4),
            "pages": draws.between(2, 4),
        }
        return Call(maker.name, "search_walk", arguments)

    def aggregate(self, maker: _Maker, _: int) -> Step:
        asked = maker.questions
        arguments = {"filters": self._perhaps(maker, 0.4), "group_by": asked.group(), **asked.measures()}
        return Call(maker.name, "aggregate", arguments)

    def _perhaps(self, maker: _Maker, share: float) -> Any:
        return maker.questions.filter(1) if maker.draws.chance(share) else None

    # ------------------------------------------------------------------------------------------ steps with others

    def streamed(self, maker: _Maker, depth: int) -> Step:
        draws = maker.draws
        arguments = {
            "filters": self._perhaps(maker, 0.4),
            "sort_by": maker.questions.sort(),
            "batch_size": draws.pick((1, 2, 3, 5, 1000)),
        }
        # Where nothing has a snapshot, a stream shows what is written meanwhile.
        if self._single or draws.chance(0.6):
            return Streamed(maker.name, arguments)
        steps = tuple(self.step(0) for _ in range(draws.between(1, 2)))
        return Streamed(maker.name, arguments, draws.below(4), steps, drained=draws.chance(0.8))

    def scope(self, maker: _Maker, depth: int) -> Step:
        draws = maker.draws
        steps = tuple(self.step(depth - 1) for _ in range(draws.between(1, 4)))
        return Scope(
            steps,
            undone=draws.chance(0.3),
            swallows=draws.chance(0.6),
            read_only=draws.chance(0.06),
            isolation="serializable" if draws.chance(0.05) else "snapshot",
        )


def _viewed(entity: Any, schema: Schema) -> Any:
    """The entity as another class of the same collection has it."""
    return schema.entity_class(**{field.name: getattr(entity, field.name) for field in schema.fields})


def _ids(schema: Schema, count: int) -> list[str]:
    if id_of(schema, "00000000-0000-0000-0000-000000000001") != "00000000-0000-0000-0000-000000000001":
        return [str(UUID(int=at * _SPREAD % 2**128)) for at in range(count)]
    return list(dict.fromkeys((*IDS, *map(str, range(count)))))


def _possible(maker: _Maker, entity_id: str) -> str | None:
    """An id that an entity can be made with."""
    if maker.schema.id.scalar is not None and id_of(maker.schema, maker.ids[0]) != maker.ids[0]:
        return entity_id if entity_id in maker.ids else None
    return entity_id


def _read(entity: Any, path: str) -> Any:
    return functools.reduce(member, split_path(path), entity)


def _clear(entity: Any, path: str) -> None:
    *above, last = split_path(path)
    holder: Any = functools.reduce(member, above, entity)
    if isinstance(holder, dict):
        cast("dict[str, Any]", holder).pop(last, None)
    else:
        setattr(holder, last, None)


_Make = Callable[[_Steps, _Maker, int], Step]
_WEIGHTS: Final[dict[_Make, float]] = {
    _Steps.create: 5,
    _Steps.update: 6,
    _Steps.upsert: 4,
    _Steps.patch: 5,
    _Steps.delete: 3,
    _Steps.bulk_create: 4,
    _Steps.bulk_update: 4,
    _Steps.bulk_delete: 2,
    _Steps.get: 2,
    _Steps.get_many: 2,
    _Steps.list: 11,
    _Steps.find_one: 3,
    _Steps.count: 4,
    _Steps.page: 5,
    _Steps.walk: 6,
    _Steps.search: 6,
    _Steps.search_walk: 3,
    _Steps.aggregate: 6,
    _Steps.streamed: 4,
    _Steps.scope: 7,
}
_SINGLE_WEIGHTS: Final[dict[_Make, float]] = {
    kind: weight
    for kind, weight in _WEIGHTS.items()
    if kind
    not in (
        _Steps.bulk_create,
        _Steps.bulk_update,
        _Steps.bulk_delete,
        _Steps.scope,
        _Steps.search,
        _Steps.search_walk,
    )
}
