"""A stateful model: a backend and the in-memory reference take the same random steps, and mishaps befall the backend.

A program is what Hypothesis makes of the rules in ``machines``: writes, bulk writes, scopes in scopes, transactions by
``run_in_transaction``, and with some of the steps a mishap. After each end of a scope and after each mishap everything
is read and compared (``trials``). What a mishap may come to is decided by what the call has told:

acknowledged    the state after it
refused         the state before it; within a transaction, that of before the transaction
unknown         one of the two, whole; whichever is found is where both go on from

The next call has to work. A mishap is as real as it can be made: connections are cut by a proxy, disks fail in SQLite's
own VFS, tasks are cancelled at a point where they wait (``mishaps``, ``labs``).
"""
