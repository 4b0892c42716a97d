# generated from _async/layers.py by tools/generate_twins.py: do not edit
"""Layers: what stands between every operation and the driver.

A layer sees each operation before it runs and may replace it, refuse it, run others, or change what comes back.
There is no way to the driver around the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

from ...model.codec import Row
from ...query.operations import Operation, Scan

__all__ = ["Layer", "Proceed", "ProceedStream"]

Proceed: TypeAlias = Callable[[Operation], Any]
ProceedStream: TypeAlias = Callable[[Scan], Generator[list[Row], None, None]]


class Layer:
    """A layer that changes nothing; override what yours is about."""

    def run(self, operation: Operation, proceed: Proceed) -> Any:
        """The result of the operation; ``proceed`` hands an operation to the next layer or the driver."""
        return proceed(operation)

    def stream(self, operation: Scan, proceed: ProceedStream) -> Generator[list[Row], None, None]:
        """The batches of a stream; ``proceed`` hands the operation on."""
        return proceed(operation)
