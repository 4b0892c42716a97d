"""Whether a collection holds exactly what another one, on another engine, would have to give it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ...model.codec import Row
from ...model.crossing import canonical_bytes, checksum
from ..moves import Differences
from .moving import AsyncBeside, AsyncPages, AsyncRetrying, Route

__all__ = ["AsyncComparison", "expected_of"]


def expected_of(route: Route, as_bytes: Callable[[Row], bytes], row: Row) -> bytes | None:
    """What the target has to hold for a row; None where it is left out. Of what cannot come over, nothing."""
    try:
        converted = route.convert(row)
    except Exception:  # noqa: BLE001 - it was refused when it was copied, and is missing now
        return b""
    return None if converted is None else as_bytes(converted)


class AsyncComparison:
    """Reads both sides in the order of their ids, range by range, and compares the checksum of each.

    Where they differ the entities of the range are compared one by one. Both sides are read in pages of their own, in
    bounded memory; what is written to either meanwhile may show up as a difference.

    Attributes:
        differences: what was found.

    Args:
        route: from where to where.
        retrying: how to try again.
        beside: how to read a page while another one is compared.
        most: how many rows a page has at most.
        tell: told how many entities of the source have been gone through.
        found: told the id of everything that differs.
    """

    def __init__(
        self,
        route: Route,
        retrying: AsyncRetrying,
        beside: AsyncBeside,
        most: int,
        tell: Callable[[int], object],
        found: Callable[[str], object] | None = None,
    ) -> None:
        self.differences = Differences()
        self._found = found
        self._beside = beside
        self._route = route
        self._source = AsyncPages(route.source, route.origin, retrying, most)
        self._target = AsyncPages(route.target, route.destination, retrying, most)
        self._bytes = canonical_bytes(route.destination.codec)
        self._digest = hashlib.blake2b(digest_size=16)
        self._tell = tell

    @property
    def checksum(self) -> str:
        """The checksum of the rows of the target so far, in hexadecimal."""
        return self._digest.hexdigest()

    async def run(self) -> Differences:
        """Compare everything."""
        done = 0
        async with self._beside(self._source.read) as reading:
            reading.begin()
            more = True
            while more:
                rows, more = await reading.take()
                if more:
                    reading.begin()
                until = str(rows[-1][0]) if more else None  # behind the last entity the target has to end too
                await self._compare(
                    [(str(row[0]), expected_of(self._route, self._bytes, row)) for row in rows], until
                )
                done += len(rows)
                self._tell(done)
        return self.differences

    async def _compare(self, expected: list[tuple[str, bytes | None]], until: str | None) -> None:
        wanted = {entity_id: held for entity_id, held in expected if held is not None}
        whole = True
        more = True
        while more:
            rows, more = await self._target.read(until, at_least=len(expected) + 1)
            stored = [(str(row[0]), self._bytes(row)) for row in rows]
            for _, held in stored:
                self._digest.update(len(held).to_bytes(8, "big"))
                self._digest.update(held)
            sums = checksum(wanted.values()), checksum(held for _, held in stored)
            if whole and not more and len(stored) == len(wanted) and sums[0] == sums[1]:
                break
            whole = False
            for entity_id, held in stored:
                known = wanted.pop(entity_id, None)
                if known is None:
                    self._differs("extra", entity_id)
                elif known != held:
                    self._differs("different", entity_id)
        else:
            for entity_id in wanted:
                self._differs("missing", entity_id)
        if until is not None:
            self._target.position = until

    def _differs(self, kind: str, entity_id: str) -> None:
        self.differences.add(kind, entity_id)
        if self._found is not None:
            self._found(entity_id)
