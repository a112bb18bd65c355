"""Running the command line as a user does, and telling what it changed."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Result:
    """What a run ended with."""

    status: int
    out: str
    err: str

    def ok(self) -> Result:
        """Itself, if the run succeeded."""
        assert self.status == 0, f"exit {self.status}\n{self.out}\n{self.err}"
        return self


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """A small environment that does not depend on who runs the tests; an empty value takes a variable out."""
    base = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "TMPDIR", "PYTHONHASHSEED", "PKIBUILD_CACHE")
        if name in os.environ
    }
    base |= {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    return {name: value for name, value in {**base, **(env or {})}.items() if value}


def run(
    *argv: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float = 120
) -> Result:
    """`pkibuild ARGV…` in a process of its own, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "pkibuild", *map(str, argv)],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_here(*argv: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Result:
    """The same within this process: faster, for tests that run many commands. `env` alone is seen."""
    from pkibuild.cli import main
    from pkibuild.world import World

    out, err = _Stream(), _Stream()
    folder = contextlib.chdir(cwd) if cwd else contextlib.nullcontext()
    with folder, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(one) for one in argv], World(environment(env)))
    return Result(status, out.text(), err.text())


class _Stream(io.TextIOWrapper):
    """A text stream in memory that takes bytes through `buffer` as well."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


@dataclass(frozen=True)
class Project:
    """A folder with a manifest in it."""

    folder: Path

    def write(self, manifest: str, name: str = "pki.yaml") -> Path:
        path = self.folder / name
        path.write_text(manifest, encoding="utf-8")
        return path

    def edit(self, old: str, new: str, name: str = "pki.yaml") -> None:
        """Replace a text that occurs once in the manifest."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        self.write(text.replace(old, new), name)

    def run(self, *argv: str | Path, env: Mapping[str, str] | None = None) -> Result:
        return run(*argv, env=env, cwd=self.folder)

    def run_here(self, *argv: str | Path, env: Mapping[str, str] | None = None) -> Result:
        return run_here(*argv, env=env, cwd=self.folder)

    def path(self, name: str) -> Path:
        """A file of the output folder."""
        return self.folder / "pki" / name

    def snapshot(self, name: str = "pki") -> dict[str, Entry]:
        return snapshot(self.folder / name)


@dataclass(frozen=True)
class Entry:
    """A file, folder or link of a tree."""

    mode: int
    mtime_ns: int
    content: str
    """Digest of a file's bytes, a link's target; empty for a folder."""


def snapshot(folder: Path, *, ignore: Sequence[str] = (".cache",)) -> dict[str, Entry]:
    """Every path below `folder` with its mode, time and content; names in `ignore` are left out with what they hold."""
    found: dict[str, Entry] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not set(name.parts) & set(ignore):
            found[name.as_posix()] = _entry(path)
    return found


def _entry(path: Path) -> Entry:
    told = path.lstat()
    mode = stat.S_IMODE(told.st_mode)
    if stat.S_ISLNK(told.st_mode):
        return Entry(mode, told.st_mtime_ns, os.readlink(path))
    if stat.S_ISDIR(told.st_mode):
        return Entry(mode, 0, "")  # a folder's time changes with its temporary files
    return Entry(mode, told.st_mtime_ns, sha256(path.read_bytes()).hexdigest())


def changed(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> set[str]:
    """Paths that came, went, or have another mode, time or content."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def rewritten(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> set[str]:
    """Paths that came, went, or have another content."""
    contents = ({name: entry.content for name, entry in one.items()} for one in (before, after))
    old, new = contents
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}
