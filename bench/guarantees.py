"""Measure what the library's guarantees cost: ``python bench/guarantees.py --help``.

This file holds nothing else because every candidate's process imports it, and each shall have nothing but itself in it.
"""

if __name__ == "__main__":
    import sys

    from costs import main

    sys.exit(main())
