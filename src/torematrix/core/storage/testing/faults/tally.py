"""What runs add up to, over any number of them: counters in a file of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from .checker import Verdict

__all__ = ["State", "Tally"]


class Tally(msgspec.Struct):
    """Of one kind of fault on one backend.

    Attributes:
        counts: how often what happened.
        seconds: how long until a server took writes again, each time.
        faults: what was wrong; the first ones.
    """

    counts: dict[str, int] = {}
    seconds: list[float] = []
    faults: list[str] = []

    def add(self, **numbers: int) -> None:
        """Add to the counters."""
        for name, number in numbers.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def judge(self, verdict: Verdict) -> None:
        """Add what a comparison has shown."""
        self.add(
            steps=verdict.acknowledged,
            writes=verdict.writes,
            refused=verdict.refused,
            kept=len(verdict.kept),
            dropped=len(verdict.dropped),
        )
        self.blame([f"{fault.kind}: {fault.what}" for fault in verdict.faults])

    def blame(self, faults: Sequence[str]) -> None:
        """Add faults."""
        self.add(faults=len(faults))
        self.faults.extend(faults[: max(0, 20 - len(self.faults))])


class State(msgspec.Struct):
    """Of all kinds and backends.

    Attributes:
        tallies: by kind and backend.
    """

    tallies: dict[str, Tally] = {}

    def of(self, kind: str, backend: str) -> Tally:
        """The counters of a kind on a backend."""
        return self.tallies.setdefault(f"{kind} {backend}", Tally())

    @classmethod
    def read(cls, path: Path | None) -> State:
        """What earlier runs have left, or nothing yet."""
        if path is None or not path.exists():
            return cls()
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def write(self, path: Path | None) -> None:
        """Keep it; a run that is stopped meanwhile leaves the old file or the new one."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part")
            part.write_bytes(msgspec.json.format(msgspec.json.encode(self)))
            part.replace(path)

    @property
    def faults(self) -> int:
        """How many things were wrong."""
        return sum(tally.counts.get("faults", 0) for tally in self.tallies.values())
