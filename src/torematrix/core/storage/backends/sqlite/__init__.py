"""SQLite through apsw, which brings a SQLite of its own, free of the WAL-reset bug of versions below 3.51.3."""
