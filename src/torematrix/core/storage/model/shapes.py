"""The tree of types that an annotation declares, in the few forms that decide how a value is stored.

``shape_of`` reads an annotation; ``encoder`` and ``decoder`` make the functions that take values of a shape to their
canonical form and back.
"""

from ._decoders import decoder
from ._describe import describe_shape
from ._encoders import encoder
from ._keys import escape_key, unescape_key
from ._scalars import Scalar
from ._tree import (
    Anything,
    ListOf,
    MapOf,
    Nullable,
    Record,
    RecordField,
    Shape,
    TupleOf,
    Union,
    shape_of,
)

__all__ = [
    "Anything",
    "ListOf",
    "MapOf",
    "Nullable",
    "Record",
    "RecordField",
    "Scalar",
    "Shape",
    "TupleOf",
    "Union",
    "decoder",
    "describe_shape",
    "encoder",
    "escape_key",
    "shape_of",
    "unescape_key",
]
