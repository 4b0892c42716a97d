"""What all test servers have in common: as a context manager they run from its beginning to its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

__all__ = ["Running"]


class Running(ABC):
    """Something that is started and closed."""

    @abstractmethod
    def start(self) -> Self:
        """Start it, and wait until it is of use."""

    @abstractmethod
    def close(self) -> None:
        """End it and remove its data."""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()
