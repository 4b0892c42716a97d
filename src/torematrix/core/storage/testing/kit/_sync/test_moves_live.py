# generated from _async/test_moves_live.py by tools/generate_twins.py: do not edit
"""Live moves: what is written while a collection is moved is in the target, and then nothing more is written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import pytest

from torematrix.core.storage import (
    BackendMigrator,
    ConfigurationError,
    Feature,
    Migration,
    MigrationManager,
    MovedError,
    MoveReport,
    Searchable,
    Storage,
    Transform,
    Unique,
)

from ..._sync.harness import Kit
from ...needs import needs
from ..entities import Account, Plain, Stamped

pytestmark = needs(Feature.LIVE_MOVES)

_COUNT: Final = 500


class _Interrupted(Exception):  # noqa: N818 - no failure of the move's
    """The end of a process amid the copying."""


@contextlib.contextmanager
def _target(kit: Kit) -> Generator[Storage, None, None]:
    """An empty database to move to; the source takes writes again behind it."""
    with Storage.open("memory://") as target:
        try:
            yield target
        finally:
            BackendMigrator().release(kit.storage)


def _begin(kit: Kit, target: Storage, name: str, *, live: bool = True) -> None:
    """A move that is interrupted when two of five batches are copied."""

    def interrupt(done: int, _total: int) -> None:
        if done >= 200:
            raise _Interrupted

    with pytest.raises(_Interrupted):
        BackendMigrator(100, live=live).move(kit.storage, target, [name], interrupt)


def _resume(kit: Kit, target: Storage, name: str, **options: Any) -> MoveReport:
    migrator = BackendMigrator(100, live=True, resume=True, **options)
    return migrator.move(kit.storage, target, [name])


def _filled(kit: Kit, entity_class: Any, make: Callable[[int], Any]) -> Any:
    repository: Any = kit.repository(entity_class)
    kit.store(repository, [make(number) for number in range(_COUNT)])
    return repository


def _plain(number: int) -> Plain:
    return Plain(number, f"{number:05}")


def _all(repository: Any) -> list[Any]:
    return [entity for entity in repository.stream()]


def test_what_is_written_meanwhile_is_followed(kit: Kit) -> None:
    """On either side of the place that the copying has reached, one by one and together; deletes do not come back."""
    source = _filled(kit, Stamped, lambda number: Stamped(f"title {number}", id=f"{number:05}"))
    with _target(kit) as target:
        _begin(kit, target, source.collection_name)
        source.patch("00001", name="patched before")
        source.patch("00401", name="patched behind")
        source.update(replace(source.get("00002"), name="updated"))
        assert source.delete("00003")
        assert source.delete("00403")
        source.create(Stamped("created", id="00000a"))
        source.upsert(replace(source.get("00404"), name="upserted"))
        with kit.storage.transaction():
            source.create(Stamped("in a transaction", id="00000b"))
            source.delete("00005")
        source.bulk_delete(["00006", "00406"])
        source.bulk_create([Stamped("together", id=f"{number:05}z") for number in range(150)])
        with pytest.raises(_Interrupted):
            with kit.storage.transaction():
                source.delete("00007")
                raise _Interrupted
        report = _resume(kit, target, source.collection_name)
        assert (report.verified, report["cut_over"], report["failed"]) == (True, True, 0)
        assert report["caught_up"] > 150
        assert report["pause_seconds"] > 0
        assert report["total_entities"] == report["migrated"] == _COUNT + 2 + 150 - 5
        moved: Any = target.repository(Stamped, source.collection_name)
        assert _all(moved) == _all(source)
        assert not moved.exists("00003")
        assert moved.get("00001").name == "patched before"


def test_searchable_text_is_followed(kit: Kit) -> None:
    """What the target finds is what the source finds."""

    @dataclass
    class Page:
        text: Annotated[str, Searchable()] = ""
        id: str | None = None

    source = _filled(kit, Page, lambda number: Page(f"word{number} all", f"{number:05}"))
    with _target(kit) as target:
        _begin(kit, target, source.collection_name)
        source.patch("00001", text="another thing")
        source.delete("00002")
        source.create(Page("another day", "00002a"))
        assert _resume(kit, target, source.collection_name).verified
        moved: Any = target.repository(Page, source.collection_name)
        for query in ("another", "word2", "word1", "all"):
            assert moved.search(query, with_hits=True) == source.search(query, with_hits=True)


_WRITES: Final[dict[str, Callable[[Any], Any]]] = {
    "create": lambda repository: repository.create(Plain(1)),
    "update": lambda repository: repository.update(Plain(7, "00001")),
    "upsert": lambda repository: repository.upsert(Plain(7, "00001")),
    "upsert a new one": lambda repository: repository.upsert(Plain(7, "new")),
    "patch": lambda repository: repository.patch("00001", value=7),
    "delete": lambda repository: repository.delete("00001"),
    "bulk_create": lambda repository: repository.bulk_create([Plain(1), Plain(2)]),
    "bulk_update": lambda repository: repository.bulk_update([Plain(7, "00001"), Plain(7, "00002")]),
    "bulk_delete": lambda repository: repository.bulk_delete(["00001", "00002"]),
}


def test_then_nothing_more_is_written_there(kit: Kit) -> None:
    """Every write is refused and changes nothing, also in a transaction; reads go on; a release ends it."""
    source = _filled(kit, Plain, _plain)
    before = _all(source)
    with _target(kit) as target:
        report = BackendMigrator(live=True).move(kit.storage, target, [source.collection_name])
        assert report["cut_over"]
        for write in _WRITES.values():
            with pytest.raises(MovedError) as caught:
                write(source)
            assert not caught.value.retryable
            assert caught.value.backend == kit.storage.backend
            with pytest.raises(MovedError):
                with kit.storage.transaction():
                    write(source)
        assert _all(source) == before
        assert source.count() == _COUNT
        other: Any = kit.repository(Plain)
        other.create(Plain(1))  # what was not moved is not touched
        BackendMigrator().release(kit.storage)
        for name, write in _WRITES.items():
            write(source)
            if name == "delete":
                source.create(Plain(1, "00001"))
        assert source.exists("new")


def test_values_that_change_places(kit: Kit) -> None:
    """A unique value that passes from one entity to another is stored, whichever of them is looked at first."""
    source = _filled(kit, Account, lambda number: Account(f"{number}@example.com", id=f"{number:05}"))
    with _target(kit) as target:
        _begin(kit, target, source.collection_name)
        for one, other in (("00001", "00401"), ("00402", "00002"), ("00003", "00004")):
            first, second = source.get(one), source.get(other)
            held = (first.email, second.email)
            first = source.update(replace(first, email=f"nobody-{one}"))
            source.update(replace(second, email=held[0]))
            source.update(replace(first, email=held[1]))
        report = _resume(kit, target, source.collection_name)
        assert (report.verified, report["cut_over"], report["failed"]) == (True, True, 0)
        assert _all(target.repository(Account, source.collection_name)) == _all(source)


def test_where_both_sides_differ_the_source_stays(kit: Kit) -> None:
    """Somebody else's entity in the target is found, and writers are not sent there."""
    source = _filled(kit, Plain, _plain)
    name = source.collection_name
    with _target(kit) as target:
        _begin(kit, target, name)
        moved: Any = target.repository(Plain, name)
        moved.create(Plain(1, "zzz"))
        report = _resume(kit, target, name)
        assert (report.verified, report["cut_over"], report["pause_seconds"]) == (False, False, None)
        assert report["differences"]["extra"] == 1
        source.patch("00001", value=-1)
        moved.delete("zzz")
        report = _resume(kit, target, name)
        assert (report.verified, report["cut_over"]) == (True, True)
        assert moved.get("00001").value == -1


def test_what_cannot_be_resumed_is_refused(kit: Kit) -> None:
    """A plain move as a live one, a live one as a plain one, and one whose source was not followed meanwhile."""
    source = _filled(kit, Plain, _plain)
    name = source.collection_name
    with _target(kit) as target, _target(kit) as other:
        _begin(kit, target, name, live=False)
        with pytest.raises(ConfigurationError, match="without --live"):
            _resume(kit, target, name)
        _begin(kit, other, name)
        with pytest.raises(ConfigurationError, match="with --live"):
            BackendMigrator(resume=True).move(kit.storage, other, [name])
        with Storage.open("memory://") as third:
            with pytest.raises(ConfigurationError, match="another live move"):
                BackendMigrator(live=True).move(kit.storage, third, [name])
        BackendMigrator().release(kit.storage)
        source.patch("00001", value=-1)
        with pytest.raises(ConfigurationError, match="was not noted"):
            _resume(kit, other, name)
        BackendMigrator().release(kit.storage)
        source.patch("00001", value=-2)


def test_a_schema_that_has_grown_comes_along(kit: Kit) -> None:
    """A newer version of the class, begun while the move was interrupted, adds its field to the target too."""

    @dataclass
    class More:
        value: int = 0
        more: int = 7
        id: str | None = None

    source = _filled(kit, Plain, _plain)
    name = source.collection_name
    with _target(kit) as target:
        _begin(kit, target, name)
        newer: Any = kit.storage.repository(More, name)
        newer.create(More(1, 2, "new"))
        report = _resume(kit, target, name)
        assert (report.verified, report["cut_over"]) == (True, True)
        assert _all(target.repository(More, name)) == _all(newer)


def test_collections_are_moved_one_after_the_other(kit: Kit) -> None:
    """The fence of one is not that of another: each takes writes until both its sides are the same."""
    first, second = _filled(kit, Plain, _plain), _filled(kit, Plain, _plain)
    with _target(kit) as target:
        _begin(kit, target, second.collection_name)
        assert BackendMigrator(live=True).move(kit.storage, target, [first.collection_name])["cut_over"]
        with pytest.raises(MovedError):
            first.patch("00001", value=-1)
        second.patch("00001", value=-1)
        second.delete("00002")
        report = _resume(kit, target, second.collection_name)
        assert (report.verified, report["cut_over"]) == (True, True)
        for name, source in ((first.collection_name, first), (second.collection_name, second)):
            with pytest.raises(MovedError):
                source.patch("00001", value=-2)
            assert _all(target.repository(Plain, name)) == _all(source)
        BackendMigrator().release(kit.storage)
        first.patch("00001", value=-3)
        second.patch("00001", value=-3)


def test_a_migration_between_two_runs_comes_along(kit: Kit) -> None:
    """What it made is followed, and it counts as applied in the target, so that nothing is done twice there."""
    source = _filled(kit, Plain, _plain)
    name = source.collection_name
    double = Transform(lambda document: {**document, "value": document["value"] * 2})
    manager = MigrationManager([Migration("001", "doubled", [double])])
    with _target(kit) as target:
        _begin(kit, target, name)
        manager.migrate(source)
        assert _resume(kit, target, name)["cut_over"]
        moved: Any = target.repository(Plain, name)
        assert manager.migrate(moved) == []
        assert [entity.value for entity in _all(moved)] == [number * 2 for number in range(_COUNT)]


def test_what_was_refused_is_tried_again(kit: Kit) -> None:
    """Once the source holds nothing more that the target cannot, the move is resumed and ends."""

    @dataclass
    class Named:
        name: str = ""
        id: str | None = None

    @dataclass
    class Unnamed:
        name: Annotated[str, Unique()] = ""
        id: str | None = None

    source = _filled(kit, Named, lambda number: Named(f"{number}", f"{number:05}"))
    name = source.collection_name
    source.patch("00402", name="1")
    with _target(kit) as target:
        assert target.repository(Unnamed, name).count() == 0
        _begin(kit, target, name)
        source.patch("00003", name="2")
        report = _resume(kit, target, name)
        assert (report.verified, report["cut_over"], report["failed"]) == (False, False, 2)
        # Not what was refused is written to, but what stood in its way.
        source.patch("00001", name="one")
        source.patch("00002", name="two")
        report = _resume(kit, target, name)
        assert (report.verified, report["cut_over"], report["failed"]) == (True, True, 0)
        moved: Any = target.repository(Unnamed, name)
        assert moved.get("00402").name == "1"
