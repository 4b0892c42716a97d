"""Real servers for tests: found, started, shared by all processes of a run, and gone with it.

    python -m torematrix.core.storage.testing.servers      starts them for a developer, until Ctrl-C

Tests get them from the fixtures of the pytest plug-in, or start some of their own: ``PostgreSQLServer`` and
``MongoDBServer``. Nothing is imported here, since the plug-in is loaded by every run of pytest.
"""
