# generated from _async/failures.py by tools/generate_twins.py: do not edit
"""What is told of an operation that the server has refused, or not answered."""

from __future__ import annotations

from typing import Final

from ....errors import CommitUnknown, StorageError, UnavailableError
from ....query.operations import Insert, Operation, Patch, Remove, Replace, Upsert, name_of
from ..errors import is_invalid, may_have_happened
from .leases import Leases, MovingError
from .server import Server

__all__ = ["failure"]

_WRITES: Final = (Insert, Upsert, Replace, Patch, Remove)


def failure(
    server: Server, leases: Leases, error: BaseException, operation: Operation, *, alone: bool
) -> StorageError | None:
    """The error of ours for one of PyMongo's; ``alone`` says that the operation was in no transaction.

    Who writes to a collection that is just being closed waits until it is known what becomes of it; None where it
    goes on taking writes, and the operation is to be done again.
    """
    name, collection = name_of(operation), operation.collection.name
    if is_invalid(error):
        try:
            refusal = leases.refusal(name, collection)
        except MovingError as given_up:
            return None if alone else given_up
        except UnavailableError as waiting:
            return waiting
        if refusal is not None:
            return refusal
    if alone and isinstance(operation, _WRITES) and may_have_happened(error):
        return CommitUnknown.of_write(backend="mongodb", operation=name, collection=collection)
    return server.failed(error, name, collection)
