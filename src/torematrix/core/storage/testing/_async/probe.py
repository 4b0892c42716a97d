"""Runs hostile attempts on a storage, and compares what comes of them with the reference and with what was there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any, Final, Self

from ...capability import Feature, Support
from ..hostile.attempts import SECRET, Attempt, is_leak, outcome_of_error, outcome_of_result
from ..hostile.origin import CANARY
from .harness import AsyncKit

__all__ = ["AsyncProbe"]

_SECONDS: Final = 5.0
"""What one call may take: the slowest ones need some hundredths of a second."""
_SHOWN: Final = 20


class AsyncProbe:
    """A scope in which hostile things are tried. What they aim at is there before, and has to be there after.

    Args:
        kit: the storage under test.
    """

    def __init__(self, kit: AsyncKit) -> None:
        self._kit = kit
        self._planted: list[dict[str, Any]] = [
            {"id": f"canary-{number}", "title": "title", "value": number, "secret": SECRET}
            for number in range(3)
        ]

    async def __aenter__(self) -> Self:
        canary = await self._kit.documents(CANARY)
        for entity in self._planted:
            await canary.upsert(entity)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            canary = await self._kit.documents(CANARY)
            assert await canary.list() == self._planted
            assert CANARY in await self._kit.storage.collections()

    @property
    def has_bulk_writes(self) -> bool:
        """Whether the storage writes several entities at once."""
        return self._kit.storage.capabilities.features[Feature.BULK_WRITES].support is not Support.REFUSED

    async def fill(self, repository: Any, rows: Iterable[Any]) -> None:
        """Store these entities, one by one where the storage has no bulk writes."""
        if self.has_bulk_writes:
            await repository.bulk_create(rows)
            return
        for row in rows:
            await repository.create(row)

    async def differences(
        self, repository: Any, attempts: Sequence[Attempt], expected: Sequence[str]
    ) -> list[str]:
        """Where an attempt ends otherwise than on the reference, raises what is not ours, tells a value, or hangs."""
        wrong: list[str] = []
        for attempt, wanted in zip(attempts, expected, strict=True):
            started = perf_counter()
            outcome = await self._attempted(repository, attempt)
            seconds = perf_counter() - started
            if outcome != wanted or is_leak(outcome):
                wrong.append(f"{attempt.label}: {outcome[:300]}; expected {wanted[:300]}")
            if seconds > _SECONDS:
                wrong.append(f"{attempt.label}: took {seconds:.1f} s")
            if len(wrong) >= _SHOWN:
                break
        return wrong

    async def _attempted(self, repository: Any, attempt: Attempt) -> str:
        try:
            if attempt.method == "stream":
                streamed = repository.stream(*attempt.arguments, **attempt.named)
                result: Any = [entity async for entity in streamed]
            else:
                result = await getattr(repository, attempt.method)(*attempt.arguments, **attempt.named)
            return outcome_of_result(result, whole=attempt.whole)
        except Exception as error:  # noqa: BLE001 - whatever comes out is what is judged
            return outcome_of_error(error)
