"""The manual's pages as something to run: what is written in a fenced block is done in a folder of the page's own.

The first line of a block says what it is, in words that no reader of the rendered page sees (four backticks where what
it shows has fences of its own):

    ```yaml file=pki.yaml     a file to write; a manifest is validated too
    ```yaml into=pki.yaml     a part of a manifest: laid over that file, and validated with it (not written)
    ```console                commands after `$ `, each followed by what it prints; a line `…` stands for any lines
    ```console exit=2         the last command ends with that status
    ```sh                     commands whose output does not matter
    ```sh norun               commands for another machine; parsed by the shell, but not run

All others (`text`, `diff`, …) are for the eye. `python tests/pages.py PAGE…` writes what is printed today into the
console blocks of a page, where it differs and no line `…` stands for a part of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from helpers import EXAMPLES, ROOT, environment

PASSPHRASE = "correct horse battery staple"
FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)(?P=fence)$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    words: tuple[str, ...]
    body: str
    line: int
    start: int = 0
    end: int = 0
    """Where its body is in the page."""

    def option(self, name: str) -> str:
        """What follows `name=` in its first line."""
        return next((word.partition("=")[2] for word in self.words if word.startswith(f"{name}=")), "")


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        language, *words = found["info"].split() or [""]
        body = re.sub(f"^{found['indent']}", "", found["body"], flags=re.MULTILINE)
        line = text.count("\n", 0, found.start()) + 1
        yield Block(language, tuple(words), body, line, found.start("body"), found.end("body"))


@dataclass(frozen=True)
class Step:
    command: str
    expected: str | None
    """What it prints; None when that does not matter."""


def steps(block: Block) -> list[Step]:
    if block.language == "sh":
        return [Step(f"set -e\n{block.body}", None)]
    found: list[Step] = []
    for line in block.body.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append(Step(line[2:], ""))
        elif found and found[-1].command.endswith("\\\n"):
            found[-1] = Step(found[-1].command + line, "")
        else:
            assert found, f"line {block.line}: a console block begins with a command after `$ `"
            found[-1] = Step(found[-1].command, (found[-1].expected or "") + line)
    return found


class Reader:
    """Does what a page says. Variables and the current folder last from block to block."""

    def __init__(self, page: Path, folder: Path, *, renew: bool = False) -> None:
        self.page = page
        self.renew = renew
        self.folder = folder / "work"
        self.state = folder / "state"
        self.programs = folder / "bin"
        self.folder.mkdir()
        self.programs.mkdir()
        self.state.write_text("")
        program = self.programs / "pkibuild"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pkibuild "$@"\n')
        program.chmod(0o755)
        shutil.copytree(EXAMPLES, self.folder / "examples", ignore=shutil.ignore_patterns("out", "*.lock"))

    def do(self, block: Block) -> str:
        """Do it; its body as it should be. Raises AssertionError where the page is wrong."""
        where = f"{self.page.name}:{block.line}"
        if block.language == "yaml":
            self._yaml(block, where)
        elif name := block.option("file"):
            self._write(name, block.body)
        elif "norun" in block.words:
            subprocess.run(["bash", "-n"], input=block.body.encode(), check=True)
        elif block.language == "sh":
            self._commands(block, where)
        elif block.language == "console":
            return self._commands(block, where)
        return block.body

    def _commands(self, block: Block, where: str) -> str:
        body = ""
        todo = steps(block)
        for number, step in enumerate(todo, 1):
            wanted = int(block.option("exit") or 0) if number == len(todo) else 0
            status, output = self._bash(step.command)
            assert status == wanted, f"{where}: exit {status}, not {wanted}: {step.command}\n{output}"
            said = step.expected
            if said is not None:
                if self.renew and "…" not in said.splitlines() and steady(said) != steady(output):
                    said = output
                compare(said, output, f"{where}: {step.command}")
            body += f"$ {step.command}{said}"
        return body

    def _bash(self, command: str) -> tuple[int, str]:
        keep = f"__status=$?; {{ export -p; printf 'cd %q\\n' \"$PWD\"; }} > {self.state}; exit $__status"
        done = subprocess.run(
            ["bash", "-c", f". {self.state}\n{command}\n{keep}"],
            cwd=self.folder,
            env=environment({"PATH": f"{self.programs}:{environment()['PATH']}", "HOME": str(self.folder)}),
            input=f"{PASSPHRASE}\n",  # for `read`, which asks for a passphrase
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout

    def _write(self, name: str, body: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")

    def _yaml(self, block: Block, where: str) -> None:
        if name := block.option("file"):
            self._write(name, block.body)
            if block.body.startswith("version:"):
                self._valid(name, where)
        elif name := block.option("into"):
            whole = (self.folder / name).read_text(encoding="utf-8")
            part = self.folder / name.replace(".yaml", ".part.yaml")
            merged = laid_over(yaml.load(whole, yaml.BaseLoader), yaml.load(block.body, yaml.BaseLoader))
            part.write_text(yaml.safe_dump(plain(merged), sort_keys=False), encoding="utf-8")
            self._valid(part.name, where)
            part.unlink()
        else:
            raise AssertionError(f"{where}: say `file=` or `into=` with this manifest, or show it as `text`")

    def _valid(self, name: str, where: str) -> None:
        status, output = self._bash(f"pkibuild validate {name}")
        assert status == 0, f"{where}: {output}"


def laid_over(below: Any, above: Any) -> Any:
    """Mappings are merged field by field; of everything else the upper one counts."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {**below, **{key: laid_over(below.get(key), value) for key, value in above.items()}}
    return above


def plain(value: Any) -> Any:
    """Whole numbers and truth values as such again: BaseLoader reads all scalars as text."""
    if isinstance(value, Mapping):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, list):
        return [plain(below) for below in value]
    if value in ("true", "false"):
        return value == "true"
    return int(value) if re.fullmatch(r"[1-9]?[0-9]{0,8}", value) and value else value


def compare(expected: str, output: str, where: str) -> None:
    """Whether a command printed what the page says, times, spans and digests apart."""
    said, printed = steady(expected), steady(output)
    parts = [re.escape(part) for part in re.split(r"^…\n", said, flags=re.MULTILINE)]
    pattern = r"(?:.*\n)*".join(parts)
    assert re.fullmatch(pattern, printed), f"{where}--- the page says\n{said}\n--- it printed\n{printed}"


def steady(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", "DATE", text)
    text = re.sub(r"\b\d+ days?\b", "N days", text)
    text = re.sub(r"DATE +-?\d+ ", "DATE N ", text)  # days left, in a table
    text = re.sub(r"\b[0-9a-f]{8}…", "SERIAL…", text)
    return re.sub(r"\b[0-9a-f]{30,}\b", "HEX", text)


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "README.zh-TW.md", *sorted((ROOT / "docs").glob("*.md"))]


def renew(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(page, Path(folder), renew=True)
        bodies = [(block, reader.do(block)) for block in blocks(page)]
    for block, body in reversed(bodies):
        if body != block.body:
            text = text[: block.start] + body + text[block.end :]
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        renew(Path(name))
