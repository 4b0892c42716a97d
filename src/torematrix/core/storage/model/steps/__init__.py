"""The steps of schema migrations: frozen values that say what changes, and how it is taken back."""

from ._base import Change, Convert, Step
from ._documents import RawStep, Statements, Transform
from ._fields import AddField, ConvertField, DropField, RenameField
from ._indexes import AddIndex, AddSearchable, AddUnique, DropIndex, DropSearchable, DropUnique

__all__ = [
    "AddField",
    "AddIndex",
    "AddSearchable",
    "AddUnique",
    "Change",
    "Convert",
    "ConvertField",
    "DropField",
    "DropIndex",
    "DropSearchable",
    "DropUnique",
    "RawStep",
    "RenameField",
    "Statements",
    "Step",
    "Transform",
]
