"""Processes of their own for what is measured, so that its memory is its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

__all__ = ["child"]


def child(*command: str) -> Any:
    """What Python, given these arguments, prints as JSON in its last line."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])
