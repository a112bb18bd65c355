"""Where a passphrase comes from: the environment, a file, a command, or a question at the terminal.

A passphrase is bytes of UTF-8. It goes from here to the one function that opens or encrypts a key: into no log, no
message, no argument list. What a command writes beside it is not shown either, for it may hold the passphrase
(a shell script run with `set -x` does).
"""

from __future__ import annotations

from collections.abc import Callable

from pkibuild.core.diagnostics import Diagnostic, warning
from pkibuild.keys.errors import PassphraseUnavailable
from pkibuild.model.manifest import Secret
from pkibuild.world import World
from pkibuild.world.disk import explain, stat_of
from pkibuild.world.files import read_file

LONGEST = 1023
"""Bytes; OpenSSL, and so `cryptography`, takes no longer one."""

COMMAND_SECONDS = 120.0
ATTEMPTS = 3
"""How often a person may mistype the repetition."""


def obtain(secret: Secret, world: World, folder: str, *, confirm: bool, what: str) -> bytes:
    """The passphrase that `secret` points to.

    `folder` is where a command runs and where a relative file lies (the manifest's folder); `what` names the key in a
    question (`authority/myrootca/key`); `confirm` asks twice, as when a key is made. Raises PassphraseUnavailable.
    """
    if secret.source == "env":
        value = _from_environment(secret, world)
    elif secret.source == "file":
        value = _from_file(secret, folder)
    elif secret.source == "command":
        value = _from_command(secret, world, folder)
    else:
        value = _from_terminal(secret, world, confirm, what)
    return _checked(secret, value)


def loose_file(secret: Secret, folder: str) -> Diagnostic | None:
    """A warning when a passphrase file can be read by more people than its owner."""
    if secret.source != "file":
        return None
    path = _path(secret, folder)
    try:
        found = stat_of(path)
    except OSError:
        return None
    if found is None or found.kind != "file" or not found.mode & 0o077:
        return None
    return warning(
        "passphrase-file-loose",
        f"the passphrase file `{path}` has mode {found.mode:04o}: others than its owner may read it",
        secret.place,
        f"chmod 600 {path}",
    )


def source_of(secret: Secret) -> str:
    """What a person reads: `environment variable `X``. Of a command only its program, as arguments may be secret."""
    if secret.source == "env":
        return f"environment variable `{secret.value}`"
    if secret.source == "file":
        return f"file `{secret.value}`"
    if secret.source == "command":
        return f"command `{secret.value[0]}`" if secret.value else "command"
    return "terminal"


def _unavailable(secret: Secret, code: str, message: str, hint: str = "") -> PassphraseUnavailable:
    return PassphraseUnavailable(code, message, secret.place, hint)


def _from_environment(secret: Secret, world: World) -> bytes:
    value = world.env.get(str(secret.value))
    if value is None:
        raise _unavailable(
            secret,
            "passphrase-unset",
            f"the environment variable `{secret.value}` is not set",
            f"read -rs {secret.value}; export {secret.value}",
        )
    # The environment's own bytes: Python keeps what is no UTF-8 as surrogates.
    return value.encode("utf-8", "surrogateescape")


def _path(secret: Secret, folder: str) -> str:
    path = str(secret.value)
    return path if path.startswith("/") else f"{folder}/{path}"


def _from_file(secret: Secret, folder: str) -> bytes:
    path = _path(secret, folder)
    try:
        return _without_newline(read_file(path, LONGEST + 2))
    except OSError as error:
        raise _unavailable(
            secret, "passphrase-unreadable", f"the passphrase file `{path}` cannot be read: {explain(error)}"
        ) from None


def _from_command(secret: Secret, world: World, folder: str) -> bytes:
    assert isinstance(secret.value, tuple)
    name = source_of(secret)
    by_itself = "run it by itself to see why; its output is not shown here, as it may hold the passphrase"
    try:
        done = world.run(secret.value, folder=folder, timeout=COMMAND_SECONDS)
    except TimeoutError as error:
        raise _unavailable(secret, "passphrase-command-failed", f"the {name} gave {error}", by_itself) from None
    except OSError as error:
        raise _unavailable(
            secret, "passphrase-command-failed", f"the {name} cannot be started: {explain(error)}"
        ) from None
    if done.status != 0:
        how = f"ended with status {done.status}" if done.status > 0 else f"was ended by signal {-done.status}"
        raise _unavailable(secret, "passphrase-command-failed", f"the {name} {how}", by_itself)
    return _without_newline(done.output)


def _from_terminal(secret: Secret, world: World, confirm: bool, what: str) -> bytes:
    if not world.can_prompt():
        raise _unavailable(
            secret,
            "passphrase-no-terminal",
            f"the passphrase of {what} is to be asked for, and there is no terminal",
            "run it in a terminal, or declare `env`, `file` or `command` as its source",
        )
    try:
        return _ask(world, confirm, what, lambda: _unavailable(secret, "passphrase-mismatch", _MISMATCH.format(what)))
    except EOFError:
        raise _unavailable(secret, "passphrase-empty", f"no passphrase was given for {what}") from None


_MISMATCH = "the passphrase of {} was not typed the same way twice"


def _ask(world: World, confirm: bool, what: str, mismatch: Callable[[], PassphraseUnavailable]) -> bytes:
    question = f"{'new ' if confirm else ''}passphrase of {what}: "
    for _ in range(ATTEMPTS):
        given = world.prompt_secret(question)
        if not confirm or not given or world.prompt_secret(f"the same again, passphrase of {what}: ") == given:
            return given.encode("utf-8", "surrogateescape")
        world.err("they differ, once more\n")
    raise mismatch()


def _without_newline(value: bytes) -> bytes:
    """Without one trailing line end (LF, or CR LF)."""
    if value.endswith(b"\r\n"):
        return value[:-2]
    return value.removesuffix(b"\n")


def _checked(secret: Secret, value: bytes) -> bytes:
    name = source_of(secret)
    if not value:
        raise _unavailable(secret, "passphrase-empty", f"the passphrase from the {name} is empty")
    if len(value) > LONGEST:
        raise _unavailable(
            secret, "passphrase-too-long", f"the passphrase from the {name} is longer than {LONGEST} bytes"
        )
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        raise _unavailable(
            secret, "passphrase-not-utf8", f"the passphrase from the {name} is not UTF-8", "store it as UTF-8"
        ) from None
    return value
