"""Completion, in the real shells."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import environment, run_here

pytestmark = pytest.mark.server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a manifest, a program `pkibuild` in bin/ and the three scripts."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pkibuild"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pkibuild "$@"\n')
    program.chmod(0o755)
    for shell in ("bash", "zsh", "fish"):
        (tmp_path / f"completion.{shell}").write_text(run_here("completion", shell).ok().out)
    run_here("init", tmp_path / "pki.yaml").ok()
    (tmp_path / "lab.yml").touch()
    (tmp_path / "other.txt").touch()
    return tmp_path


def env(folder: Path) -> dict[str, str]:
    found = environment({"TERM": "dumb", "HOME": str(folder)})
    return found | {"PATH": f"{folder / 'bin'}:{found['PATH']}"}


def shell_or_skip(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"no {name} here")


LINES = [
    ("pkibuild pl", {"plan"}),
    ("pkibuild graph --format m", {"mermaid"}),
    ("pkibuild plan --detailed", {"--detailed-exitcode"}),
    ("pkibuild completion f", {"fish"}),
    ("pkibuild show host/", {"host/www"}),
    ("pkibuild bundle w", {"www"}),
    ("pkibuild graph --why host/www/k", {"host/www/key"}),
    ("pkibuild validate lab", {"lab.yml"}),
    ("pkibuild apply --plan oth", {"other.txt"}),
]


@pytest.mark.parametrize(("line", "wanted"), LINES, ids=[line for line, _ in LINES])
def test_bash(folder: Path, line: str, wanted: set[str]) -> None:
    bash = shell_or_skip("bash")
    words = " ".join(f"'{word}'" for word in line.split(" "))
    script = (
        f"source completion.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1));"
        " _pkibuild; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run([bash, "-c", script], cwd=folder, env=env(folder), capture_output=True, text=True)
    assert set(done.stdout.split()) == wanted
    assert not done.stderr


def test_bash_offers_folders_and_manifests_only(folder: Path) -> None:
    script = "source completion.bash; COMP_WORDS=(pkibuild plan ''); COMP_CWORD=2; _pkibuild; echo ${COMPREPLY[@]}"
    done = subprocess.run(
        [shell_or_skip("bash"), "-c", script], cwd=folder, env=env(folder), capture_output=True, text=True
    )
    assert set(done.stdout.split()) == {"bin", "pki.yaml", "lab.yml"}


@pytest.mark.parametrize(("line", "wanted"), LINES, ids=[line for line, _ in LINES])
def test_fish(folder: Path, line: str, wanted: set[str]) -> None:
    fish = shell_or_skip("fish")
    script = f"source completion.fish; complete -C '{line}'"
    done = subprocess.run(
        [fish, "--no-config", "-c", script], cwd=folder, env=env(folder), capture_output=True, text=True
    )
    assert wanted <= {one.split("\t")[0] for one in done.stdout.splitlines()}
    assert not done.stderr


@pytest.mark.parametrize(("line", "wanted"), LINES, ids=[line for line, _ in LINES])
def test_zsh(folder: Path, line: str, wanted: set[str]) -> None:
    zsh = shell_or_skip("zsh")
    (whole,) = wanted
    expected = f"{line.rpartition(' ')[0]} {whole}"
    with Terminal([zsh, "-f", "-i"], folder) as terminal:
        terminal.send("PS1='ready> '; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D\n")
        terminal.send("source completion.zsh; print com''pleted\n")
        terminal.until("completed")
        terminal.send(f"{line}\t")
        terminal.until(expected)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv: list[str], folder: Path) -> None:
        self.argv, self.folder, self.seen = argv, folder, ""

    def __enter__(self) -> Terminal:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(self.folder)
            os.execve(self.argv[0], self.argv, env(self.folder) | {"COLUMNS": "200"})
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)  # the program gets a hang-up
        os.waitpid(self.pid, 0)

    def send(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def until(self, wanted: str, seconds: float = 30) -> None:
        """Read until `wanted` was seen."""
        for text in self._read(seconds):
            self.seen += text
            if wanted in self.seen:
                self.seen = self.seen.partition(wanted)[2]
                return
        raise AssertionError(f"{wanted!r} did not appear: {self.seen!r}")

    def _read(self, seconds: float) -> Iterator[str]:
        end = time.monotonic() + seconds
        while select.select([self.descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
            yield os.read(self.descriptor, 4096).decode(errors="replace")
