"""How the program ends: exit codes, one line for every failure, interruptions, broken pipes, missing packages."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from torematrix.core.storage import Storage
from torematrix.core.storage.cli.outcome import ExitCode

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")


def test_help_documents_the_exit_codes(run) -> None:
    """Every code there is, and every command."""
    text = " ".join(run("--help").out.split())
    for code in ExitCode:
        assert re.search(rf"\b{int(code)} \w", text), code
    for command in [
        "import",
        "list",
        "get",
        "search",
        "count",
        "explain",
        "export",
        "info",
        "backup",
        "restore",
        "check",
        "vacuum",
    ]:
        assert run(command, "--help").code == 0
        assert f" {command} " in text
    assert "TOREMATRIX_STORAGE_URL" in run("list", "--help").out
    assert "sqlite:///torematrix.db" in run("list", "--help").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["nonsense"], 2),
        (["--nonsense"], 2),
        (["list", "--nonsense"], 2),
        (["list", "--limit", "0"], 2),
        (["list", "--limit", "many"], 2),
        (["list", "extra"], 2),
        (["import"], 2),
        (["import", ".", "--as", "nonsense"], 2),
        (["import", ".", "--index", "year"], 2),
        (["import", ".", "--index", "year:decimal"], 2),
        (["import", ".", "--searchable", "title:0"], 2),
        (["import", ".", "--searchable", "title:x"], 2),
        (["get"], 2),
        (["list", "--storage", "nonsense://x"], 2),
        (["list", "--storage", "sqlite://host/x"], 2),
        (["list", "--storage", "sqlite:///x?nonsense=1"], 2),
        (["list", "--storage", ""], 2),
        (["list"], 3),
        (["get", "x"], 3),
        (["export", "--format", "xml"], 2),
    ],
)
def test_wrong_usage_is_one_line(run, arguments: list[str], code: int) -> None:
    """With the exit code for it, and nothing on stdout."""
    result = run(*arguments)
    assert result.code == code
    assert result.out == ""
    if arguments:
        assert result.complaint


def test_errors_of_the_system_are_one_line(run, tmp_path: Path, corpus: Path) -> None:
    """A folder in place of the database, a file in place of its folder."""
    folder = run("import", corpus, "--storage", tmp_path)
    assert folder.code == 1
    assert "folder" in folder.complaint
    inside = run("import", corpus, "--storage", corpus / "tea.md" / "x.db")
    assert inside.code == 1
    assert inside.complaint
    damaged = run("list", "--storage", corpus / "tea.md")
    assert damaged.code in (1, 5)
    assert damaged.complaint


def test_what_nobody_foresaw_is_one_line_too(run, monkeypatch: pytest.MonkeyPatch, corpus: Path) -> None:
    """A mistake of the program's own ends it with a request to report it; a traceback is only for whoever asks."""
    run("import", corpus)

    def broken(self: Storage) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(Storage, "collections", broken)
    result = run("list")
    assert result.code == 1
    assert result.err == (
        "torematrix-storage: internal error, ZeroDivisionError: a b; please report it with the output of the same "
        "command under TOREMATRIX_DEBUG=1\n"
    )
    monkeypatch.setenv("TOREMATRIX_DEBUG", "1")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run("list")


def test_a_locked_database_is_told(run, corpus: Path, url: str) -> None:
    """Another writer that stays is waited for, and then named with the next step."""
    run("import", corpus)
    (corpus / "new.md").write_text("# New\n")
    with Storage.open(url) as storage, storage.transaction():
        result = run("import", corpus, "--storage", f"{url}?busy_timeout=0.01")
    assert result.code == 1
    assert "try again" in result.complaint
    assert run("import", corpus, "--json").json["created"] == 1


def many(path: Path, count: int, text: str = "word " * 40) -> Path:
    with path.open("w") as file:
        for number in range(count):
            file.write(json.dumps({"id": f"{number:06}", "text": f"{text}{number}"}) + "\n")
    return path


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_goes_on(process, run, tmp_path: Path, url: str, number: int) -> None:
    """Ctrl-C leaves a sound database and says how to go on; the next run stores the rest and nothing twice."""
    path = many(tmp_path / "many.jsonl", 60_000)
    running = process("import", path, "--searchable", "text")
    deadline = time.monotonic() + 60
    stored = "0"
    while stored == "0" and time.monotonic() < deadline:
        time.sleep(0.02)
        running.send_signal(signal.SIGSTOP)  # so that it does not come to its end while it is looked at
        stored = run("count", "-c", "records").out.strip() or "0"
        if stored != "0":
            running.send_signal(number)
        running.send_signal(signal.SIGCONT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert b"run the same command again" in err
    assert b"Traceback" not in err
    assert run("check").out == "sound\n"
    stored = run("count", "--json").json["count"]
    assert 0 < stored < 60_000
    again = run("import", path, "--json").json
    assert (again["created"], again["unchanged"]) == (60_000 - stored, stored)


@POSIX
def test_a_broken_pipe_is_quiet(process, run, tmp_path: Path) -> None:
    """Whoever reads the first lines and leaves gets no complaint."""
    run("import", many(tmp_path / "many.jsonl", 5_000))
    for command in (
        ["export"],
        ["export", "--format", "csv"],
        ["list", "-n", "5000"],
        ["list", "-n", "5000", "--json"],
    ):
        running = process(*command)
        running.stdout.read(10)
        running.stdout.close()
        err = running.stderr.read()
        running.stderr.close()
        assert running.wait(60) == 141, command
        assert err == b"", command


@POSIX
@pytest.mark.parametrize("command", ["export", "list -n 5000 --json"])
def test_a_slow_reader_gets_everything(process, run, tmp_path: Path, command: str, monkeypatch) -> None:
    """Through an unbuffered stdout too, which writes no more at a time than the pipe takes."""
    run("import", many(tmp_path / "many.jsonl", 5_000))
    expected = run(*command.split()).out.encode()
    for unbuffered in ("", "1"):
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        running = subprocess.Popen(
            [sys.executable, "-m", "torematrix.core.storage.cli", *command.split()],
            stdout=subprocess.PIPE,
            env={**os.environ, "TOREMATRIX_STORAGE_URL": f"sqlite:///{tmp_path}/test.db"},
        )
        time.sleep(1)
        out, _ = running.communicate(timeout=60)
        assert (running.returncode, len(out)) == (0, len(expected))
        assert out == expected


@POSIX
def test_a_closed_stdout_is_no_failure(run, corpus: Path, url: str) -> None:
    """A program started without a stdout writes nowhere."""
    run("import", corpus)
    command = f"{sys.executable} -m torematrix.core.storage.cli count >&-"
    done = subprocess.run(
        command,
        shell=True,
        env={**os.environ, "TOREMATRIX_STORAGE_URL": url},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_without_unicode(process, run, tmp_path: Path) -> None:
    """What it cannot show comes as escapes, in tables and in JSON that stays UTF-8."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "name": "caf\u00e9 \u2603"}', encoding="utf-8")
    run("import", path)
    environment = {
        **os.environ,
        "PYTHONIOENCODING": "ascii",
        "TOREMATRIX_STORAGE_URL": f"sqlite:///{tmp_path}/test.db",
    }
    for command, expected in (("list", b"caf\\xe9 \\u2603"), ("export", "caf\u00e9 \u2603".encode())):
        done = subprocess.run(
            [sys.executable, "-m", "torematrix.core.storage.cli", command],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


@POSIX
def test_a_terminal_gets_a_bar(url: str, corpus: Path) -> None:
    """With the rate and the time left, and the result below it."""
    import pty

    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as screen:
        running = subprocess.Popen(
            [sys.executable, "-m", "torematrix.core.storage.cli", "import", corpus, "--storage", url],
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )
        os.close(slave)
        shown = b""
        try:
            while chunk := screen.read(65536):
                shown += chunk
        except OSError:  # the other end is gone
            pass
        assert running.wait(60) == 0
    assert b"importing" in shown
    assert "━".encode() in shown
    assert b"created" in shown


def test_missing_packages_are_named() -> None:
    """Without typer or rich the program says what to install, in one line."""
    for package in ("typer", "rich"):
        code = f"import sys; sys.modules[{package!r}] = None; from torematrix.core.storage.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert package in done.stderr
        assert "pip install 'torematrix-storage[cli]'" in done.stderr


def test_the_entry_point_is_installed() -> None:
    """torematrix-storage is a command of the environment."""
    program = Path(sys.executable).with_name("torematrix-storage")
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "import" in done.stdout


def test_shells_complete_commands() -> None:
    """typer's own completion answers for the program."""
    program = Path(sys.executable).with_name("torematrix-storage")
    environment = {
        **os.environ,
        "_TOREMATRIX_STORAGE_COMPLETE": "complete_bash",
        "COMP_WORDS": "torematrix-storage exp",
        "COMP_CWORD": "1",
    }
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["explain", "export"] or done.stdout.split() == ["export", "explain"]
