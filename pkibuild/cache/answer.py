"""The no-op answer from the cache: `plan` and `apply` of an unchanged tree, before anything else is imported.

Imports sys, os, stat, time and marshal only (graph.md, "The fast path"). The answer is trusted only when it was
made here, when nothing on its watch list differs (size, times, inode, mode; paths that must stay absent stay absent)
and the clock stands between the time it was made and the first time at which anything could become due. Any unusual
option goes the long way.
"""

from __future__ import annotations

import marshal
import os
import sys
import time
from stat import S_ISLNK

from pkibuild import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be imported for this alone
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

ANSWER = ".cache/answer"
RUN_LOCK = ".cache/run.lock"
"""Made when something is first built in a folder, and never again."""
FORMAT = 6
SIZE = 8
"""Digits in which the length of the answer's head is written."""
LONG = 150_000
"""Bytes. A longer half of the watch list, of 1500 paths or so, is worth a process of its own."""
TICK = 50_000_000
"""Nanoseconds. What changed so short before a look may change again unseen: file times are no finer than the kernel's
clock tick. Such a tree is not answered for."""

Signature = tuple[int, ...]
Watched = tuple[str, Signature | None]
Texts = tuple[str, str, str, str]
"""Standard output plain and coloured, standard error plain and coloured."""


def answer(argv: Sequence[str]) -> int | None:
    """The exit code of a run that the cache can answer, its text written; None when it has to go the long way."""
    manifest = _manifest(argv)
    if manifest is None or "PKIBUILD_NOW" in os.environ:
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
    except (OSError, ValueError, TypeError, EOFError):
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
    if root is None:
        return None
    with open(os.open(f"{root}/{ANSWER}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        data = _under(seal(root, FORMAT, manifest, os.geteuid()), file.read())
    start = SIZE + int(data[:SIZE])
    *found, half = marshal.loads(data[SIZE:start])  # noqa: S302 - written on this machine, as its seal says
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
    return all(unchanged(root, [marshal.loads(half)]))  # noqa: S302 - as above


def seal(root: str, *what: object) -> bytes | None:
    """How a memory in `.cache/` of an output folder begins; None where nothing was built yet.

    It tells the inode and times of the folder's run lock, which cannot be foreseen: what a repository brings along,
    written by somebody else to say what is not so, is not even decoded.
    """
    home = signature(f"{root}/{RUN_LOCK}")
    return None if home is None else repr((__version__, what, home)).encode("utf-8", "surrogatepass") + b"\n"


def sealed(value: Any, seal: bytes) -> bytes:
    return seal + marshal.dumps(value)


def unseal(data: bytes, seal: bytes | None) -> Any:
    """What was `sealed`. Raises ValueError, TypeError or EOFError for what was not, or not under this seal."""
    return marshal.loads(_under(seal, data))  # noqa: S302 - written on this machine, as its seal says


def _under(seal: bytes | None, data: bytes) -> memoryview:
    if seal is None or not data.startswith(seal):
        raise ValueError("a memory of another version, folder or machine")
    return memoryview(data)[len(seal) :]


def signature(path: str, folder: int | None = None) -> Signature | None:
    """What tells whether a file or folder changed, for a link what it leads to as well; None when there is none.

    A relative path is below `folder`, an open one.
    """
    try:
        found = os.lstat(path, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:  # a key in a folder of another user's: nothing is known of it, now as then
        return (0, 0, 0, 0, 0)
    own = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode)
    if not S_ISLNK(found.st_mode):
        return own
    try:
        target = os.stat(path, dir_fd=folder)
    except OSError:
        return own
    return (*own, target.st_size, target.st_mtime_ns, target.st_ctime_ns, target.st_ino, target.st_mode)


def changed_at(seen: Signature) -> int:
    """When it changed last, in nanoseconds."""
    return max(*seen[1::5], *seen[2::5])


def unchanged(root: str, groups: Iterable[Iterable[Watched]]) -> Iterator[bool]:
    """Of each group of files and folders whether all are as they were seen, those below `root` by relative paths.

    A short path from an open folder is found sooner than a long one. Raises OSError.
    """
    folder = os.open(root, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for group in groups:
            yield all(signature(path, folder) == seen for path, seen in group)
    finally:
        os.close(folder)


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
    seen: list[Watched] = []
    for path in watched:
        found = signature(path)
        if found is not None and changed_at(found) >= newest:
            return None
        seen.append((path.removeprefix(below), found))
    if first is None:
        return None
    middle = len(seen) // 2 + 1
    half, other = marshal.dumps(seen[1:middle]), marshal.dumps(seen[middle:])
    head = marshal.dumps((started, until, texts, seen[:1], len(half)))
    return b"".join((first, b"%0*d" % (SIZE, len(head)), head, half, other))
