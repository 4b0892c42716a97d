"""What applications hold: repositories, storages and the factory.

``_async`` is written by hand; ``_sync`` is generated from it.
"""
