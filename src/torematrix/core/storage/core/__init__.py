"""What happens between a repository and an engine: the driver port, the layers, transactions and schema changes.

``_async`` is written by hand; ``_sync`` is generated from it. Neither knows an event loop, a thread or a driver.
"""
