"""What the configurations of all backends have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ..errors import ConfigurationError

__all__ = ["Configuration"]


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a backend. A form meant for people shows those that are named as harmless, and no others.

    Attributes:
        shown: the options that a repr shows: enough to tell databases apart, and never a secret.
    """

    shown: ClassVar[tuple[str, ...]] = ()

    def check_types(self, *names: str) -> None:
        """Give these options their declared types, where the configuration was made by hand: a text stands for an Enum.

        Raises:
            ConfigurationError: an option is of another type; no value is echoed.
        """
        for field in msgspec.structs.fields(type(self)):
            if field.name not in names:
                continue
            try:
                value = msgspec.convert(getattr(self, field.name), field.type, builtin_types=(bytes,))
            except msgspec.ValidationError:
                raise ConfigurationError(f"{field.name} is of another type than it is declared") from None
            msgspec.structs.force_setattr(self, field.name, value)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({options})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec defines it, with every field, for the pretty printers of terminals and debuggers.
        values = ((name, getattr(self, name)) for name in self.shown)
        return [(name, getattr(value, "value", value)) for name, value in values]
