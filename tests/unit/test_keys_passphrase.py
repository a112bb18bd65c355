"""Where passphrases come from, and how each source fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkibuild.keys.errors import PassphraseUnavailable
from pkibuild.keys.passphrase import LONGEST, loose_file, obtain, source_of
from pkibuild.model.manifest import Secret
from pkibuild.world import World

PLACE = ("authorities", "myrootca", "key", "passphrase")


class Terminal(World):
    """A terminal where the answers are typed."""

    def __init__(self, *answers: str) -> None:
        super().__init__({})
        self.answers: Iterator[str] = iter(answers)
        self.questions: list[str] = []
        self.said = ""

    def can_prompt(self) -> bool:
        return True

    def prompt_secret(self, text: str) -> str:
        self.questions.append(text)
        return next(self.answers)

    def err(self, text: str) -> None:
        self.said += text


def get(secret: Secret, world: World | None = None, folder: str = "/", confirm: bool = False) -> bytes:
    return obtain(secret, world or World({}), folder, confirm=confirm, what="authority/myrootca/key")


def refusal(
    secret: Secret, world: World | None = None, folder: str = "/", confirm: bool = False
) -> PassphraseUnavailable:
    with pytest.raises(PassphraseUnavailable) as caught:
        get(secret, world, folder, confirm)
    assert caught.value.place == PLACE
    assert caught.value.diagnostic.place == PLACE
    return caught.value


ENV = Secret("env", "ROOT_WORDS", PLACE)
PROMPT = Secret("prompt", "", PLACE)


def command(script: str, *arguments: str) -> Secret:
    return Secret("command", (sys.executable, "-c", script, *arguments), PLACE)


def file(folder: Path, content: bytes, mode: int = 0o600) -> Secret:
    path = folder / "words"
    path.write_bytes(content)
    path.chmod(mode)
    return Secret("file", str(path), PLACE)


# -- environment -----------------------------------------------------------------------


@pytest.mark.parametrize("value", ["secret words", "馬", " blanks kept ", "line\n"])
def test_environment(value: str) -> None:
    assert get(ENV, World({"ROOT_WORDS": value})) == value.encode()


def test_environment_unset_or_empty() -> None:
    assert refusal(ENV, World({})).code == "passphrase-unset"
    assert refusal(ENV, World({"ROOT_WORDS": ""})).code == "passphrase-empty"


def test_environment_that_is_no_utf8() -> None:
    value = os.fsdecode(b"caf\xe9")
    error = refusal(ENV, World({"ROOT_WORDS": value}))
    assert error.code == "passphrase-not-utf8"
    assert "caf" not in error.message


# -- file --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        (b"words", b"words"),
        (b"words\n", b"words"),
        (b"words\r\n", b"words"),
        (b"words\n\n", b"words\n"),
        (b"a\nb\n", b"a\nb"),
    ],
)
def test_one_line_end_of_a_file_is_dropped(tmp_path: Path, content: bytes, passphrase: bytes) -> None:
    assert get(file(tmp_path, content)) == passphrase


def test_a_file_beside_the_manifest(tmp_path: Path) -> None:
    file(tmp_path, b"words\n")
    assert get(Secret("file", "words", PLACE), folder=str(tmp_path)) == b"words"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "passphrase-empty"),
        (b"\n", "passphrase-empty"),
        (b"\xff\xfe", "passphrase-not-utf8"),
        (b"x" * (LONGEST + 1), "passphrase-too-long"),
        (b"x" * 100_000, "passphrase-too-long"),
    ],
)
def test_files_without_a_passphrase(tmp_path: Path, content: bytes, code: str) -> None:
    assert refusal(file(tmp_path, content)).code == code


def test_the_longest_passphrase(tmp_path: Path) -> None:
    assert len(get(file(tmp_path, b"x" * LONGEST + b"\r\n"))) == LONGEST


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = refusal(Secret("file", f"{tmp_path}/none", PLACE))
    assert (missing.code, "no such file" in missing.message) == ("passphrase-unreadable", True)
    folder = refusal(Secret("file", str(tmp_path), PLACE))
    assert (folder.code, "folder" in folder.message) == ("passphrase-unreadable", True)


@pytest.mark.parametrize(
    ("mode", "loose"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True), (0o602, True)]
)
def test_a_file_that_others_may_read(tmp_path: Path, mode: int, loose: bool) -> None:
    found = loose_file(file(tmp_path, b"words\n", mode), "/")
    assert (found is not None) == loose
    if found:
        assert (found.severity, found.place) == ("warning", PLACE)


def test_only_files_are_loose(tmp_path: Path) -> None:
    assert loose_file(ENV, "/") is None
    assert loose_file(Secret("file", f"{tmp_path}/none", PLACE), "/") is None


# -- command -------------------------------------------------------------------------------


def test_command() -> None:
    assert get(command("print('words')")) == b"words"


def test_command_runs_in_the_folder_without_input(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd() + repr(sys.stdin.read()))"
    assert get(command(script), folder=str(tmp_path)).decode() == f"{tmp_path.resolve()}''"


def test_a_failing_command_tells_nothing_it_said() -> None:
    script = "import sys; print('sesame'); print('sesame', file=sys.stderr); sys.exit(3)"
    error = refusal(command(script, "--token=sesame"))
    assert error.code == "passphrase-command-failed"
    assert "status 3" in error.message
    assert "sesame" not in f"{error!r} {error.message} {error.hint} {error.diagnostic}"
    assert error.__suppress_context__ or error.__context__ is None


def test_commands_that_do_not_run(tmp_path: Path) -> None:
    error = refusal(Secret("command", (f"{tmp_path}/none",), PLACE))
    assert (error.code, "no such file" in error.message) == ("passphrase-command-failed", True)
    killed = refusal(command("import os; os.kill(os.getpid(), 9)"))
    assert "signal 9" in killed.message
    assert refusal(command("pass")).code == "passphrase-empty"


# -- terminal --------------------------------------------------------------------------------


def test_prompt() -> None:
    terminal = Terminal("馬")
    assert get(PROMPT, terminal) == "馬".encode()
    assert terminal.questions == ["passphrase of authority/myrootca/key: "]


def test_a_new_key_is_asked_for_twice() -> None:
    terminal = Terminal("one", "two", "words", "words")
    assert get(PROMPT, terminal, confirm=True) == b"words"
    assert len(terminal.questions) == 4
    assert "words" not in terminal.said


def test_a_repetition_that_never_fits() -> None:
    error = refusal(PROMPT, Terminal("a", "b", "a", "b", "a", "b"), confirm=True)
    assert error.code == "passphrase-mismatch"


def test_nothing_typed() -> None:
    assert refusal(PROMPT, Terminal(""), confirm=True).code == "passphrase-empty"


def test_no_terminal() -> None:
    class Silent(World):
        def can_prompt(self) -> bool:
            return False

    assert refusal(PROMPT, Silent({})).code == "passphrase-no-terminal"


def test_names_of_sources() -> None:
    assert source_of(ENV) == "environment variable `ROOT_WORDS`"
    assert source_of(Secret("command", ("pass", "show", "ca"))) == "command `pass`"
