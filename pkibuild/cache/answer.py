"""The no-op answer from the cache: `plan` and `apply` of an unchanged tree, before anything else is imported.

Imports next to nothing (graph.md, "The fast path"). The answer is trusted only when it was made here, when nothing on
its watch list differs (size, times, inode, mode; paths that must stay absent stay absent) and the clock stands between
the time it was made and the first time at which anything could become due. Any unusual option goes the long way.
"""

from __future__ import annotations

import json
import os
import sys
import time

from pkibuild.cache.seal import content, is_trusted, is_trusted_file, seal
from pkibuild.cache.stamps import TICK, Stamped, changed_at, stamp, unchanged

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be imported for this alone
    from collections.abc import Iterable, Sequence
    from typing import Any

ANSWER = ".cache/answer"
FORMAT = 7
SIZE = 8
"""Digits in which the length of the answer's head is written."""
LONG = 150_000
"""Bytes. A longer half of the watch list, of 1500 paths or so, is worth a process of its own."""
Texts = tuple[str, str, str, str]
"""Standard output plain and coloured, standard error plain and coloured."""


def answer(argv: Sequence[str]) -> int | None:
    """The exit code of a run that the cache can answer, its text written; None when it has to go the long way."""
    manifest = _manifest(argv)
    if manifest is None or "PKIBUILD_NOW" in os.environ or os.environ.get("PKIBUILD_CACHE") == "off":
        return None
    try:
        found = _read(manifest)
        if found is None:
            return None
        made_at, until, texts, manifest_seen, root, halves = found
        if not made_at <= time.time() < until or not all(unchanged(root, [manifest_seen])):
            return None
        if not _halves_unchanged(root, *halves):
            return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    _tell(texts[argv[0]])
    return 0


def _manifest(argv: Sequence[str]) -> str | None:
    """The manifest of a plain `plan` or `apply`; None for anything else."""
    if not argv or argv[0] not in ("plan", "apply"):
        return None
    rest = list(argv[1:])
    if len(rest) == 2 and rest[0] == "-f":
        del rest[0]
    if len(rest) > 1 or (rest and rest[0].startswith("-")):
        return None
    return rest[0] if rest else "pki.yaml"


def output_of(manifest: str) -> str | None:
    """The output folder, which the lock's first line tells before the manifest is read. Raises OSError, ValueError."""
    with open(os.path.splitext(manifest)[0] + ".lock", "rb") as lock:
        head = lock.readline(4096)
    start = head.find(b'"output":"')
    end = head.find(b'"', start + 10)
    if start < 0 or end < 0 or b"\\" in head:
        return None
    return os.path.join(os.path.dirname(manifest), head[start + 10 : end].decode("utf-8"))


def _read(manifest: str) -> tuple[Any, ...] | None:
    """The cached answer."""
    root = output_of(manifest)
    if root is None or not is_trusted(root):
        return None
    with open(os.open(f"{root}/{ANSWER}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        if not is_trusted_file(file.fileno()):
            return None
        data = memoryview(content(file.read(), seal(root, FORMAT, manifest, os.geteuid())))
    start = SIZE + int(data[:SIZE])
    *found, half = json.loads(bytes(data[SIZE:start]))
    return (*found, root, (data[start : start + half], data[start + half :])) if len(found) == 4 else None


def _halves_unchanged(root: str, one: memoryview, other: memoryview) -> bool:
    """Whether two halves of the watch list still hold: long ones are looked at by two processes."""
    if len(one) < LONG:
        return _half_unchanged(root, one) and _half_unchanged(root, other)
    fork = os.fork()
    if not fork:
        status = 1
        try:
            status = 0 if _half_unchanged(root, other) else 1
        finally:
            os._exit(status)
    same = False
    try:
        same = _half_unchanged(root, one)
    finally:
        if not same:
            os.kill(fork, 9)  # what it finds is not needed
        status = os.waitpid(fork, 0)[1]
    return same and status == 0


def _half_unchanged(root: str, half: memoryview) -> bool:
    return all(unchanged(root, [json.loads(bytes(half))]))


def _tell(texts: Texts) -> None:
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    coloured_out = sys.stdout.isatty() and not plain
    coloured_err = sys.stderr.isatty() and not plain
    sys.stderr.write(texts[3] if coloured_err else texts[2])
    sys.stdout.write(texts[1] if coloured_out else texts[0])
    sys.stdout.flush()


def pack(
    root: str, manifest: str, user: int, texts: dict[str, Texts], started: float, until: float, watched: Iterable[str]
) -> bytes | None:
    """The answer to be kept for the next run; None when something changed since this run began (or a moment before).

    It is a seal, a head, its length before it, and the watch list in two halves, but for the manifest, which is in the
    head: where that was edited the rest is not even decoded. `started` is when this run began to look, in seconds;
    `manifest` as on the command line.
    """
    first = seal(root, FORMAT, manifest, user)
    newest = int(started * 1e9) - TICK
    below = f"{root}/"
    seen: list[Stamped] = []
    for path in watched:
        found = stamp(path)
        if found is not None and changed_at(found) >= newest:
            return None
        seen.append((path.removeprefix(below), found))
    if first is None:
        return None
    middle = len(seen) // 2 + 1
    half, other = _dump(seen[1:middle]), _dump(seen[middle:])
    head = _dump((started, until, texts, seen[:1], len(half)))
    return b"".join((first, b"%0*d" % (SIZE, len(head)), head, half, other))


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
