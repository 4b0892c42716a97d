"""The kinds of scalar values: how each is stored, read back, compared, and given in a filter.

The names of this module are what the rest of the library uses; the work is done in its private neighbours.
"""

from ._operands import parse_operand
from ._ordered import order_key, ordered_text
from ._scalars import (
    INT64_MAX,
    INT64_MIN,
    Canonical,
    CanonicalScalar,
    Kind,
    Scalar,
    check_text,
    decode_scalar,
    encode_scalar,
    family,
    kind_of_type,
    parse_ordered,
    scalar_decoder,
    scalar_encoder,
)

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "Canonical",
    "CanonicalScalar",
    "Kind",
    "Scalar",
    "check_text",
    "decode_scalar",
    "encode_scalar",
    "family",
    "kind_of_type",
    "order_key",
    "ordered_text",
    "parse_operand",
    "parse_ordered",
    "scalar_decoder",
    "scalar_encoder",
]
