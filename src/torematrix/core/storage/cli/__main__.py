"""``python -m torematrix.core.storage.cli`` is ``torematrix-storage``."""

from . import main

main()
