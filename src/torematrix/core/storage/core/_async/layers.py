"""Layers: what stands between every operation and the driver.

A layer sees each operation before it runs and may replace it, refuse it, run others, or change what comes back.
There is no way to the driver around the layers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeAlias

from ...model.codec import Row
from ...query.operations import Operation, Scan

__all__ = ["AsyncLayer", "AsyncProceed", "AsyncProceedStream"]

AsyncProceed: TypeAlias = Callable[[Operation], Awaitable[Any]]
AsyncProceedStream: TypeAlias = Callable[[Scan], AsyncGenerator[list[Row], None]]


class AsyncLayer:
    """A layer that changes nothing; override what yours is about."""

    async def run(self, operation: Operation, proceed: AsyncProceed) -> Any:
        """The result of the operation; ``proceed`` hands an operation to the next layer or the driver."""
        return await proceed(operation)

    def stream(self, operation: Scan, proceed: AsyncProceedStream) -> AsyncGenerator[list[Row], None]:
        """The batches of a stream; ``proceed`` hands the operation on."""
        return proceed(operation)
