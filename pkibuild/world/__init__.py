"""Everything outside the process: `World` (clock, environment, processes, terminal), `tree` (the output folder),
`files` (files that the user names) and forks.

Other rooms are given a `World`, so that a test can set the clock or stop a run between two writes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence

from pkibuild.core.diagnostics import fail
from pkibuild.core.times import parse_time
from pkibuild.core.values import Record
from pkibuild.world.tree import Tree

__all__ = ["Completed", "World"]


class Completed(Record):
    status: int
    output: bytes
    error: bytes


class World:
    """The real world. Streams are looked up when used, so that a test's capture works."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self.env: Mapping[str, str] = os.environ if env is None else env
        self._now: int | None = None
        self.started = time.time()
        """When the run began, by the real clock whatever `PKIBUILD_NOW` says: for comparing with file times."""
        self._held: list[object] = []

    def hold(self, *values: object) -> None:
        """Keep what a run has made as long as this world: to take it apart costs time, and the program ends anyway."""
        self._held += values

    # -- clock ---------------------------------------------------------------

    def now(self) -> int:
        """Seconds since the epoch; the same value for the whole run. Raises UserError for a bad `PKIBUILD_NOW`."""
        if self._now is None:
            pinned = self.env.get("PKIBUILD_NOW", "")
            if pinned:
                try:
                    self._now = parse_time(pinned)
                except ValueError as error:
                    raise fail("bad-now", f"PKIBUILD_NOW: {error}") from None
                self.err(f"note: the clock is pinned by PKIBUILD_NOW to {pinned}\n")
            else:
                self._now = int(time.time())
        return self._now

    def ticks(self) -> float:
        """A clock for progress displays only."""
        return time.monotonic()

    # -- environment and folders ----------------------------------------------

    def folder(self) -> str:
        return os.getcwd()

    def user(self) -> int:
        return os.geteuid()

    def user_name(self, number: int) -> str:
        """The name of a user, or the number where it has none."""
        import pwd

        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return str(number)

    def tree(self, root: str) -> Tree:
        """The output folder; a test's world gives one that watches."""
        tree = Tree(root)
        tree.caches = self.env.get("PKIBUILD_CACHE") != "off"
        return tree

    def processors(self) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    # -- terminal -------------------------------------------------------------

    def out(self, text: str) -> None:
        sys.stdout.write(text)

    def out_bytes(self, data: bytes) -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def err(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def out_is_terminal(self) -> bool:
        return sys.stdout.isatty()

    def err_is_terminal(self) -> bool:
        return sys.stderr.isatty()

    def can_prompt(self) -> bool:
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    def prompt_secret(self, text: str) -> str:
        import getpass

        return getpass.getpass(text, stream=sys.stderr)

    # -- processes ------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        folder: str,
        timeout: float = 60.0,
        input: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a command without a shell, with `input` alone to read, and `env` added to the environment.

        Raises OSError or TimeoutError.
        """
        import subprocess

        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, from his manifest, or git
                list(argv),
                cwd=folder,
                input=input,
                env={**self.env, **env} if env else None,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"no answer within {timeout:.0f} s") from None
        return Completed(done.returncode, done.stdout, done.stderr)
