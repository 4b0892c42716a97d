"""Configuration files that are malformed, missing or hostile: refused, and never repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from torematrix.core.storage import (
    ConfigurationError,
)
from torematrix.core.storage.face.sources import (
    config_from_dict,
    config_from_file,
)


def test_a_dollar_sign_is_a_dollar_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in a file or a URL is expanded: a password may hold anything."""
    monkeypatch.setenv("HOME_OF_NOBODY", "expanded")
    path = tmp_path / "storage.toml"
    path.write_text('backend = "sqlite"\ndatabase_path = "${HOME_OF_NOBODY}/%(x)s/~/{0}.db"\n')
    assert config_from_file(path).database_path == "${HOME_OF_NOBODY}/%(x)s/~/{0}.db"


BAD_FILES = {
    "empty.toml": "",
    "list.json": "[1, 2]",
    "text.json": '"postgresql://app:CANARY@db/x"',
    "number.yaml": "12",
    "empty.yaml": "",
    "cut.json": '{"backend": "postgresql", "password": "CANARY"',
    "cut.toml": 'backend = "postgresql"\npassword = "CANARY',
    "bare.toml": 'backend = "postgresql"\npassword = CANARY',
    "cut.yaml": "backend: postgresql\npassword: 'CANARY",
    "colon.yaml": "backend: postgresql\npassword: CANARY: CANARY",
    "tab.yaml": "backend: postgresql\n\tpassword: CANARY",
    "object.yaml": "backend: postgresql\npassword: !!python/object/apply:os.system [CANARY]",
    "tag.yaml": "backend: postgresql\npassword: !CANARY x",
    "anchor.yaml": "backend: postgresql\npassword: *CANARY",
    "two.yaml": "backend: postgresql\n---\npassword: CANARY",
    "twice.json": '{"backend": "postgresql", "password": "CANARY", "password": "CANARY"}',
    "twice.toml": 'backend = "postgresql"\npassword = "CANARY"\npassword = "CANARY"',
    "twice.yaml": "backend: postgresql\npassword: CANARY\npassword: CANARY",
    "number.toml": f'backend = "postgresql"\nport = {"9" * 5000}',
    "number.json": f'{{"backend": "postgresql", "port": {"9" * 5000}}}',
    "large.yaml": f"backend: postgresql\nport: {'9' * 5000}",
    "nan.json": '{"backend": "memory", "busy_timeout": NaN}',
    "date.yaml": "backend: postgresql\npassword: 2024-13-45",
    "day.yaml": "backend: postgresql\npassword: 2024-12-24",
    "octal.yaml": "backend: postgresql\npassword: 0123",
    "yes.yaml": "backend: postgresql\npassword: yes",
    "listed.toml": 'backend = "postgresql"\npassword = ["CANARY"]',
    "deep.json": "[" * 100_000,
    "deep.toml": "a = " + "[" * 100_000,
    "deep.yaml": "a: " + "[" * 20_000,
    "bomb.yaml": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{b}: &{b} [{','.join(f'*{a}' for _ in range(10))}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "merged.yaml": "a: &a {x: 1}\n"
    + "".join(
        f"{b}: &{b}\n  <<: [{','.join(f'*{a}' for _ in range(10))}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "itself.yaml": "backend: &a [*a]",
    "unknown.json": '{"backend": "CANARY CANARY"}',
    "url.json": '{"backend": "postgresql://app:CANARY@db/x"}',
    "option.json": '{"backend": "postgresql", "CANARY:x": 1}',
    "control.toml": 'backend = "postgresql"\npassword = "\x01CANARY"',
    "nul.json": '{"backend": "postgresql", "password": "CANARY\\u0000"}',
    "surrogate.json": '{"backend": "postgresql", "password": "CANARY\\ud800"}',
    "keys.yaml": "backend: postgresql\n1: CANARY",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_without_a_word_of_it(
    name: str, tmp_path: Path, told: Callable[[BaseException], str]
) -> None:
    """A ConfigurationError that names the file and, where it is malformed, the place; never what stands there."""
    path = tmp_path / name
    path.write_text(BAD_FILES[name], encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        config_from_file(path)
    assert name in str(caught.value)
    assert "CANARY" not in told(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.ini", b""),
        ("x", b""),
        ("x.toml", b"\xff\xfe"),
        ("x.json", b"\x00"),
        ("x.yaml", b"a: \x00"),
        ("x.yml", b"\xc0\xaf"),
    ],
)
def test_what_is_no_text_or_has_another_ending_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    """The ending of the name says what a file is; all of them are UTF-8."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        config_from_file(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """What is missing, a folder, endless or has no such table is said."""
    for path, reason in {
        tmp_path / "absent.toml": "No such file",
        tmp_path / "folder.json": "directory",
        tmp_path / "endless.toml": "larger than 1 MiB",
        tmp_path / "nul\x00.toml": "cannot be read",
    }.items():
        if "folder" in path.name:
            path.mkdir()
        if "endless" in path.name:
            path.symlink_to("/dev/zero")
        with pytest.raises(ConfigurationError, match=reason):
            config_from_file(path)
    path = tmp_path / "app.toml"
    path.write_text("[app]\nstorage = 5\n")
    for section in ("storage", "app.storage", "app.storage.x", "app..", "app"):
        with pytest.raises(ConfigurationError, match=r"table|backend"):
            config_from_file(path, section)


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    """Editors of some systems put one there."""
    path = tmp_path / "storage.json"
    path.write_bytes(b'\xef\xbb\xbf{"backend": "memory"}')
    assert config_from_file(path) == config_from_dict({"backend": "memory"})
