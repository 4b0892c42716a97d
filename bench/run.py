"""Measure the library on SQLite: ``python bench/run.py --help``.

This file holds nothing else because every candidate's process imports it, and each shall have nothing but itself in it.
"""

if __name__ == "__main__":
    import sys

    from driver import main

    sys.exit(main())
