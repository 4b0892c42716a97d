"""How much memory the process has taken."""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["peak_memory"]

_PEAK = re.compile(r"^VmHWM:\s+([0-9]+) kB$", re.MULTILINE)


def peak_memory() -> int | None:
    """The most memory that this process has had at once, in bytes; None where the system does not say."""
    try:
        # Of a process that another one has started, getrusage tells the larger of the two.
        found = _PEAK.search(Path("/proc/self/status").read_text())
    except OSError:
        found = None
    if found is not None:
        return int(found[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
