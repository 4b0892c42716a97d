"""The library with an observer that logs what is slow."""

from __future__ import annotations

from torematrix.core.storage import Storage
from torematrix.core.storage.telemetry import LogObserver

from . import ours


class Candidate(ours.Candidate):
    """The library, observed by the log."""

    def opened(self, place: str) -> Storage:
        return Storage.open(place, observers=[LogObserver()])
