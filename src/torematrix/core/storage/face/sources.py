"""Where a configuration comes from: options, a URL, a dict, a file, the environment. All give the same typed value.

Whatever the source, options pass through ``config_from``: a text stands for a number, a bool or an Enum where such is
declared, and unknown options are refused. What is given may be a secret, also where it was put in the wrong place: so
errors name options, variables, files and lines, and never repeat a value.
"""

from __future__ import annotations

import difflib
import enum
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from ..errors import ConfigurationError, StorageError
from .files import read_config_file
from .registry import Backend, StorageBackend, backend_named, backend_of_scheme, config_class, loaded

__all__ = ["config_from", "config_from_dict", "config_from_env", "config_from_file", "config_from_url"]

BACKEND_VARIABLE: Final = "TOREMATRIX_STORAGE_BACKEND"
URL_VARIABLE: Final = "TOREMATRIX_STORAGE_URL"
FILE_VARIABLE: Final = "TOREMATRIX_STORAGE_CONFIG"
SECTION_VARIABLE: Final = "TOREMATRIX_STORAGE_CONFIG_SECTION"

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}\Z")
# What Kubernetes sets in every container for a service of that name.
_OF_KUBERNETES: Final = re.compile(r"SERVICE_(HOST|PORT)|PORT_\d")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]|\A\s|\s\Z")


# ------------------------------------------------------------------------------------------------------------- options


def config_from(
    backend: Backend, options: Mapping[str, object], labels: Mapping[str, str] | None = None
) -> Any:
    """The typed configuration that these options give.

    Args:
        backend: the backend.
        options: values by option; None for one whose default is not None means the default.
        labels: how errors call an option, where its name is not what the user wrote.

    Raises:
        ConfigurationError: an option is unknown or of the wrong type; no value is echoed.
    """
    cls = config_class(backend)
    known = {field.name: field for field in msgspec.structs.fields(cls)}
    for name in options:
        if name not in known:
            raise ConfigurationError(_unknown_option(backend, name, list(known)))
    values = {
        name: os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, os.PathLike) else value
        for name, value in options.items()
    }
    values = {
        name: value for name, value in values.items() if value is not None or known[name].default is None
    }
    said = labels or {}
    for name, value in values.items():
        if isinstance(value, str) and not _is_text(value):
            raise ConfigurationError(
                f"{backend.name}: {said.get(name, name)} holds a NUL, or is no Unicode text"
            )
    try:
        return msgspec.convert(values, cls, strict=False, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{backend.name}: {_reason(error, known, said)}") from None


def _unknown_option(backend: Backend, name: object, known: list[str]) -> str:
    # What is no name is not repeated: a part of a password may stand in the place of one.
    if not isinstance(name, str) or not _NAME.match(name):
        return f"{backend.name}: an option's name is an identifier; its options are {', '.join(known)}"
    close = difflib.get_close_matches(name, known, 1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"{backend.name} has no option {name!r}{meant}; its options are {', '.join(known)}"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def _reason(
    error: msgspec.ValidationError,
    known: Mapping[str, msgspec.structs.FieldInfo],
    labels: Mapping[str, str],
) -> str:
    """What is wrong, without the value: msgspec repeats that of an Enum."""
    text, _, place = str(error).rpartition(" - at `$.")
    name = re.split(r"[.\[`]", place)[0]
    if not text or name not in known:
        return str(error)  # from the configuration class itself, which knows what it may say
    label = labels.get(name, name)
    if text.startswith("Invalid enum value"):
        allowed = _choices(known[name].type)
        return f"{label} is one of {', '.join(allowed)}" if allowed else f"{label} is not one of its choices"
    return f"{label}: {text[:1].lower()}{text[1:]}".replace("`", "")


def _choices(declared: Any) -> list[str]:
    if isinstance(declared, type) and issubclass(declared, enum.Enum):
        return [repr(each.value) for each in declared]
    found: list[str] = []
    parts: tuple[Any, ...] = getattr(cast("object", declared), "__args__", ())
    for part in parts:
        found += _choices(part) if isinstance(part, type) or hasattr(part, "__args__") else [repr(part)]
    return [each for each in found if each != "None"]


# ----------------------------------------------------------------------------------------------------------------- URL


def config_from_url(url: str, options: Mapping[str, object]) -> Any:
    """The configuration that a URL gives, with further options, which override those in the URL.

    ``sqlite:///relative/path`` is relative, ``sqlite:////absolute/path`` absolute; ``?name=value`` gives options.

    Raises:
        ConfigurationError: the URL or an option is not acceptable; nothing of the URL is echoed but names of options.
    """
    backend, given = options_of_url(url)
    return config_from(backend, {**given, **options})


def options_of_url(url: object) -> tuple[Backend, dict[str, object]]:
    """The backend and the options that a URL stands for."""
    if not isinstance(url, str) or "://" not in url:
        raise ConfigurationError(
            "a storage URL looks like sqlite:///data/app.db or postgresql://host/database"
        )
    if _CONTROL.search(url):
        raise ConfigurationError("a storage URL holds no control characters, and no space at its ends")
    try:
        parts = urlsplit(url)
    except ValueError:  # whose text may hold the user and the password
        raise ConfigurationError("the storage URL cannot be read: its host is malformed") from None
    _unquoted(url)
    backend = backend_of_scheme(parts.scheme)
    if parts.fragment or "#" in url:
        raise ConfigurationError("a storage URL has no '#': write %23 where one belongs to a value")
    given = _query_options(parts.query) if backend.url_query else {}
    if backend.url_options is not None:
        return backend, {**_options_of_server(backend, backend.url_options, url, parts), **given}
    if backend.path_option is not None:
        if parts.netloc and parts.netloc != ":memory:":
            raise ConfigurationError(
                f"write {backend.name}:/// with three slashes, or four for an absolute path"
            )
        path = _unquoted(parts.path)[1:] or parts.netloc
        if path:
            if backend.path_option in given:
                raise ConfigurationError(f"the storage URL says twice what {backend.path_option} is")
            given[backend.path_option] = path
    elif parts.path.strip("/") or parts.netloc:
        raise ConfigurationError(f"write {backend.name}:// and nothing after it")
    return backend, given


def _options_of_server(backend: Backend, reference: str, url: str, parts: SplitResult) -> dict[str, object]:
    if "@" in parts.path or "@" in parts.query:
        # A password with one of these characters ends the part in which it should stand, and goes elsewhere.
        raise ConfigurationError(
            f"the {backend.name} URL has '@' behind the host: write %2F, %3F, %23 and %40 for / ? # @ in a user, a "
            "password or a value"
        )
    convert: Callable[[str], dict[str, object]] = loaded(reference, backend)
    try:
        return dict(convert(url))
    except StorageError:
        raise
    except ValueError:  # whose text may hold the password
        raise ConfigurationError(f"the {backend.name} URL cannot be read") from None


def _query_options(query: str) -> dict[str, object]:
    """The options of a query. A plus sign is a plus sign: this is no form of a web page."""
    given: dict[str, object] = {}
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        name = _unquoted(name)
        if not equals:
            raise ConfigurationError("options in a storage URL are written ?name=value&name=value")
        if name in given:
            raise ConfigurationError("a storage URL gives an option twice")
        given[name] = _unquoted(value)
    return given


def _unquoted(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ConfigurationError("a storage URL is percent-encoded UTF-8") from None


# ------------------------------------------------------------------------------------------------- dictionary and file


def config_from_dict(config_dict: object, options: Mapping[str, object] | None = None) -> Any:
    """The configuration in a dictionary, which names its ``backend``, or holds a ``url`` and options beside it.

    Args:
        config_dict: such as ``{"backend": "sqlite", "database_path": "data/app.db"}``.
        options: further options, which override those in the dictionary.

    Raises:
        ConfigurationError: an option is unknown or of the wrong type; no value is echoed.
    """
    backend, given = _options_of_dict(config_dict)
    return config_from(backend, {**given, **(options or {})})


def _options_of_dict(config_dict: object) -> tuple[Backend, dict[str, object]]:
    given = dict(cast("Mapping[str, object]", config_dict)) if isinstance(config_dict, Mapping) else {}
    if "backend" not in given and "url" not in given:
        raise ConfigurationError("a configuration is a dict with the key 'backend' or 'url'")
    named = backend_named(given.pop("backend")) if "backend" in given else None
    if "url" not in given:
        return cast("Backend", named), given
    backend, options = options_of_url(given.pop("url"))
    if named is not None and named is not backend:
        raise ConfigurationError(
            f"the configuration names the backend {named.name}, and its URL is one of {backend.name}"
        )
    return backend, {**options, **given}


def config_from_file(
    path: str | os.PathLike[str], section: str | None = None, options: Mapping[str, object] | None = None
) -> Any:
    """The configuration in a TOML, JSON or YAML file, told apart by the name's ending.

    Args:
        path: a file that ends in .toml, .json, .yaml or .yml.
        section: where in the file the configuration stands, such as "storage" or "tool.app.storage"; None for the
            whole file.
        options: further options, which override those in the file.

    Raises:
        ConfigurationError: the file cannot be read, or an option is unknown or of the wrong type; no value is echoed.
    """
    name = os.fspath(path)
    found = read_config_file(name, section)
    try:
        return config_from_dict(found, options)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name!r}: {error}") from error.__cause__


# --------------------------------------------------------------------------------------------------------- environment


def config_from_env(environ: Mapping[str, str] | None = None) -> Any:
    """The configuration in the environment.

    TOREMATRIX_STORAGE_URL is a URL, TOREMATRIX_STORAGE_CONFIG the path of a file (TOREMATRIX_STORAGE_CONFIG_SECTION
    says where in it), TOREMATRIX_STORAGE_BACKEND a backend's name, by default sqlite. The variables of single options
    override what the URL or the file says. An empty variable counts as none.

    Raises:
        ConfigurationError: a variable is missing, unknown, contradicts another or is not acceptable; no value is
            echoed.
    """
    variables = {name: value for name, value in (environ or os.environ).items() if value}
    url, path, named = (variables.get(name) for name in (URL_VARIABLE, FILE_VARIABLE, BACKEND_VARIABLE))
    if url is not None and path is not None:
        raise ConfigurationError(f"set {URL_VARIABLE} or {FILE_VARIABLE}, not both")
    given: dict[str, object] = {}
    source = URL_VARIABLE if url is not None else FILE_VARIABLE
    try:
        if url is not None:
            backend, given = options_of_url(url)
        elif path is not None:
            backend, given = _options_of_dict(read_config_file(path, variables.get(SECTION_VARIABLE)))
        else:
            source = BACKEND_VARIABLE
            backend = backend_named(named or StorageBackend.SQLITE.value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error}") from error.__cause__
    if named is not None and backend_named(named) is not backend:
        raise ConfigurationError(f"{BACKEND_VARIABLE} names {named}, and {source} is of {backend.name}")
    labels = _variables_of(backend)
    options = {option: variables[name] for option, name in labels.items() if name in variables}
    _refuse_unknown(backend, variables, labels)
    path_option = backend.path_option
    if path_option is not None and path_option not in options and path_option not in given:
        raise ConfigurationError(f"set {labels[path_option]} to where the database is")
    return config_from(backend, {**given, **options}, {option: labels[option] for option in options})


def _variables_of(backend: Backend) -> dict[str, str]:
    """The variable of each option."""
    variables = dict(backend.env)
    if backend.env_prefix:
        for field in msgspec.structs.fields(config_class(backend)):
            variables.setdefault(field.name, f"{backend.env_prefix}{field.name.upper()}")
    return variables


def _refuse_unknown(backend: Backend, variables: Mapping[str, str], labels: Mapping[str, str]) -> None:
    """A misspelt variable, passed over in silence, may be the one that asked for an encrypted connection."""
    if not backend.env_prefix:
        return
    known = list(labels.values())
    for name in variables:
        rest = name.removeprefix(backend.env_prefix)
        if rest != name and name not in known and not _OF_KUBERNETES.match(rest):
            close = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise ConfigurationError(
                f"{name} is no variable of {backend.name}{meant}; there are {', '.join(known)}"
            )
