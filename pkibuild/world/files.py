"""Files: reading what the user names, and `Tree`, a folder of ours where nothing is followed or overwritten blindly.

Guarantees of `Tree` (artifacts.md, "Writing"): a path never leaves the root; a symbolic link below it is never
followed; content appears under its name whole or not at all (temporary file, mode before content, rename); a private
key never exists with a wider mode than it ends with. Ordinary writes are flushed together by `flush`; `durable=True`
and `append` flush at once.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from pkibuild.diagnostics import fail
from pkibuild.values import dataclass

TEMPORARY = ".pkibuild-tmp-"
"""How the name of every temporary file begins, so that a later run finds what a killed one left."""


@dataclass(frozen=True, slots=True)
class Stat:
    kind: str
    """`file`, `folder`, `link`, `other`, or `hidden`: in a folder that this user may not enter."""
    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    owner: int


_HIDDEN = Stat("hidden", 0, 0, 0, 0, 0, -1)


def _stat(found: os.stat_result) -> Stat:
    mode = found.st_mode
    if stat_module.S_ISREG(mode):
        kind = "file"
    elif stat_module.S_ISDIR(mode):
        kind = "folder"
    elif stat_module.S_ISLNK(mode):
        kind = "link"
    else:
        kind = "other"
    return Stat(
        kind,
        stat_module.S_IMODE(mode),
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_ino,
        found.st_uid,
    )


def explain(error: OSError) -> str:
    """An operating system's error in plain words."""
    words = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EROFS: "the file system is read-only",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.ENOENT: "no such file or folder",
        errno.EISDIR: "it is a folder",
        errno.ENOTDIR: "a part of its path is no folder",
        errno.ELOOP: "it is a symbolic link",
        errno.ENAMETOOLONG: "the name is too long",
    }
    return words.get(error.errno or 0, (error.strerror or str(error)).lower())


def read_file(path: str, limit: int | None = None) -> bytes:
    """The bytes of a file that the user named; at most `limit` + 1 of them. Raises OSError."""
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat_module.S_ISREG(found.st_mode) and stat_module.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return file.read() if limit is None else file.read(limit + 1)


def exists(path: str) -> bool:
    return os.path.lexists(path)


def names_in(folder: str) -> list[str]:
    """What lies in a folder that the user named, sorted. Raises OSError."""
    return sorted(os.listdir(folder))


def real_path(path: str) -> str:
    """The path with every symbolic link resolved."""
    return os.path.realpath(path)


def stat_of(path: str) -> Stat | None:
    try:
        return _stat(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_file(path: str, data: bytes, mode: int = 0o644) -> None:
    """Write a file beside the manifest (the lock, a saved plan) whole or not at all. Raises UserError."""
    folder, name = os.path.split(path)
    Tree(folder or ".").write(name, data, mode, durable=True)


def remove_leftover(path: str) -> None:
    """Remove the temporary file that a killed `write_file` has left. Raises UserError."""
    folder, name = os.path.split(path)
    if exists(os.path.join(folder, TEMPORARY + name)):
        Tree(folder or ".").remove(TEMPORARY + name)


class _Told:
    """Tells what the operating system refuses in words, as UserError. A class, as a generator costs five times that."""

    __slots__ = ("_name", "_root", "_what")

    def __init__(self, what: str, root: str, name: str) -> None:
        self._what = what
        self._root = root
        self._name = name

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, OSError) and not isinstance(error, BlockingIOError):
            path = f"{self._root}/{self._name}" if self._name else self._root
            raise fail(
                "read-failed" if self._what == "read" else "write-failed",
                f"cannot {self._what} `{path}`: {explain(error)}",
                hint="what stood before still stands; mend the cause and run the command again",
            ) from error


class Tree:
    """A folder of ours. Paths are relative to it, with `/`."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._sound: set[str] = set()
        """Folders below the root known to be real folders."""
        self._absent: set[str] = set()
        """Folders below the root that were looked for and are not there."""
        self._dirty: list[str] = []
        self._dirty_folders: set[str] = set()
        self._made: set[str] = set()
        """Folders that this object has made: what lies in them, it has put there itself."""
        self._put: set[str] = set()
        """What it has put anywhere, or tried to."""

    def path(self, name: str) -> str:
        """Where it is. Raises ValueError for an absolute path, empty parts, `.` and `..`, and a NUL."""
        parts = f"/{name}/"  # looked through as text: a regular expression takes ten times as long
        if "//" in parts or "\0" in parts or ("/." in parts and ("/./" in parts or "/../" in parts)):
            raise ValueError(f"not a path below the output folder: {name!r}")
        return f"{self.root}/{name}"

    def step(self, what: str, name: str) -> None:
        """Called before every change on disk; a test's subclass kills the run here."""

    def _told(self, what: str, name: str) -> _Told:
        return _Told(what, self.root, name)

    def _check_parents(self, name: str) -> None:
        """Refuse a path on which a symbolic link lies."""
        parent = name.rpartition("/")[0]
        if not parent or parent in self._sound or parent in self._absent:
            return
        self._check_parents(parent)
        found = self._look(parent) if parent.rpartition("/")[0] not in self._absent else None
        if found is None:
            self._absent.add(parent)
            return
        if found.kind == "link":
            raise fail(
                "symlink",
                f"`{self.root}/{parent}` is a symbolic link; links inside the output folder are not followed",
                hint="put a real folder in its place",
            )
        if found.kind == "folder":
            self._sound.add(parent)

    def forget(self) -> None:
        """Look at every folder again: another process may have been here."""
        self._sound.clear()
        self._absent.clear()
        self._made.clear()
        self._put.clear()

    # -- reading ----------------------------------------------------------------

    def _look(self, name: str) -> Stat | None:
        with self._told("read", name):
            try:
                return stat_of(self.path(name))
            except PermissionError:
                return _HIDDEN

    def stat_root(self) -> Stat | None:
        """The folder itself; a link to it is followed, as it is the user's."""
        with self._told("read", ""):
            try:
                return _stat(os.stat(self.root))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _is_known_absent(self, name: str) -> bool:
        """Whether nothing can be there: this object knows of all that is in its folder, or that there is no such."""
        parent = name.rpartition("/")[0]
        return parent in self._absent or (parent in self._made and name not in self._put)

    def stat(self, name: str) -> Stat | None:
        self._check_parents(name)
        return None if self._is_known_absent(name) else self._look(name)

    def read(self, name: str) -> bytes | None:
        """The file's bytes, or None when there is none. A link is refused. Raises UserError."""
        self._check_parents(name)
        if self._is_known_absent(name):
            return None
        with self._told("read", name):
            try:
                descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            except (FileNotFoundError, NotADirectoryError):
                return None
            try:
                chunks = []
                while chunk := os.read(descriptor, 1 << 16):  # most files here are small: no object of `io` for them
                    chunks.append(chunk)
                return b"".join(chunks)
            finally:
                os.close(descriptor)

    def list(self, name: str = "") -> list[str]:
        """Names in a folder, sorted; a folder's with a trailing `/`. Empty when there is none."""
        if name:
            self._check_parents(name + "/x")
        with self._told("read", name):
            try:
                with os.scandir(self.path(name) if name else self.root) as entries:
                    return sorted(e.name + "/" if e.is_dir(follow_symlinks=False) else e.name for e in entries)
            except (FileNotFoundError, NotADirectoryError):
                return []

    def walk(self, name: str = "") -> Iterator[str]:
        """Every file below a folder, sorted, links included."""
        for entry in self.list(name):
            below = f"{name}/{entry}" if name else entry
            if entry.endswith("/"):
                yield from self.walk(below[:-1])
            else:
                yield below

    # -- writing ----------------------------------------------------------------

    def make_folder(self, name: str, mode: int = 0o755) -> None:
        """Make a folder and those above it. An existing one keeps its mode, unless it is to be private."""
        if name in self._sound and mode & 0o077:
            return
        self._check_parents(name + "/x")
        if name in self._sound:
            if mode & 0o077 == 0:
                found = self.stat(name)
                if found is not None and found.mode & 0o077:
                    self.step("chmod", name)
                    with self._told("change the mode of", name):
                        self._close_folder(name, mode)
            return
        parent = name.rpartition("/")[0]
        if parent:
            self.make_folder(parent)
        elif not os.path.isdir(self.root):
            with self._told("make the folder", ""):
                os.makedirs(self.root, 0o755, exist_ok=True)
        self.step("mkdir", name)
        with self._told("make the folder", name):
            self._put.add(name)
            try:
                os.mkdir(self.path(name), mode)
                self._dirty_folders.add(parent)
                self._made.add(name)
            except FileExistsError:
                found = stat_of(self.path(name))
                if found is None or found.kind != "folder":
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.path(name)) from None
                if mode & 0o077 == 0 and found.mode & 0o077:
                    self._close_folder(name, mode)
        self._sound.add(name)
        self._absent.discard(name)

    def _close_folder(self, name: str, mode: int) -> None:
        descriptor = os.open(self.path(name), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def _parent(self, name: str) -> str:
        """Make sure of the folder of what is to be put there."""
        self._put.add(name)
        parent = name.rpartition("/")[0]
        if parent in self._sound:
            return parent
        self._check_parents(name)
        if parent:
            self.make_folder(parent)
        elif not os.path.isdir(self.root):
            with self._told("make the folder", ""):
                os.makedirs(self.root, 0o755, exist_ok=True)
        return parent

    def write(self, name: str, data: bytes, mode: int = 0o644, *, durable: bool = False) -> None:
        """Put a file in place of whatever file has its name. A link there is replaced, never followed."""
        parent = self._parent(name)
        target = self.path(name)
        folder, _, base = target.rpartition("/")
        temporary = f"{folder}/{TEMPORARY}{base[:200]}"
        self.step("write", name)
        with self._told("write", name):
            found = None if parent in self._made else stat_of(target)
            if found is not None and found.kind not in ("file", "link"):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
            self._create(temporary, data, mode, durable)
            self.step("rename", name)
            try:
                os.rename(temporary, target)
            except OSError:
                os.unlink(temporary)
                raise
        self._changed(name, durable)

    def create(self, name: str, data: bytes, mode: int, *, durable: bool = True) -> None:
        """Make a new file; an existing one is an error, never overwritten. Raises UserError."""
        self._parent(name)
        self.step("create", name)
        with self._told("create", name):
            self._create(self.path(name), data, mode, durable, keep=False)
        self._changed(name, durable)

    def _create(self, path: str, data: bytes, mode: int, durable: bool, keep: bool = True) -> None:
        """Write `data` to a file that is new; a leftover temporary of a killed run is removed first (`keep`)."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, mode & 0o700)
        except FileExistsError:
            if not keep:
                raise
            os.unlink(path)
            descriptor = os.open(path, flags, mode & 0o700)
        try:
            try:
                os.fchmod(descriptor, mode)
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            os.unlink(path)
            raise

    def append(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add to the end of a file and flush it to disk: a journal's commit."""
        parent = self._parent(name)
        self.step("append", name)
        with self._told("append to", name):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            fresh = not os.path.lexists(self.path(name))
            descriptor = os.open(self.path(name), flags, mode)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if fresh:
                self._sync_folder(parent)

    def truncate(self, name: str, size: int) -> None:
        """Cut a torn tail off. Flushed at once."""
        self.step("truncate", name)
        with self._told("write", name):
            descriptor = os.open(self.path(name), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.ftruncate(descriptor, size)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read_link(self, name: str) -> bytes:
        """Where a symbolic link points to. Raises UserError."""
        self._check_parents(name)
        with self._told("read", name):
            return os.fsencode(os.readlink(self.path(name)))

    def content(self, name: str) -> bytes | None:
        """The bytes of a file, or where a symbolic link points to; None when there is neither. Raises UserError."""
        found = self.stat(name)
        return self.read_link(name) if found is not None and found.kind == "link" else self.read(name)

    def write_link(self, name: str, target: str) -> None:
        """Put a symbolic link in place of whatever file or link has its name."""
        parent = self._parent(name)
        temporary = self.path((f"{parent}/" if parent else "") + TEMPORARY + name.rpartition("/")[2][:200])
        self.step("link", name)
        with self._told("write", name):
            if (found := stat_of(self.path(name))) is not None and found.kind not in ("file", "link"):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path(name))
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            os.symlink(target, temporary)
            os.rename(temporary, self.path(name))
        self._dirty_folders.add(parent)

    def rename(self, old: str, new: str) -> None:
        self._parent(new)
        self.step("rename", new)
        with self._told("rename", old):
            os.rename(self.path(old), self.path(new))
        self._changed(old, False)
        self._changed(new, False)

    def link(self, old: str, new: str) -> None:
        """Give a file a second name, unless that name is taken by the same file. Raises UserError."""
        self._parent(new)
        self.step("link", new)
        with self._told("link", new):
            try:
                os.link(self.path(old), self.path(new), follow_symlinks=False)
            except FileExistsError:
                if not os.path.samefile(self.path(old), self.path(new)):
                    raise
        self._changed(new, False)

    def remove(self, name: str) -> None:
        self._check_parents(name)
        if self._is_known_absent(name):
            return
        self.step("remove", name)
        with self._told("remove", name):
            try:
                os.unlink(self.path(name))
            except FileNotFoundError:
                return
        self._changed(name, False)

    def remove_empty_folders(self, name: str) -> None:
        """Remove a folder and those above it as far as they are empty."""
        while name:
            try:
                os.rmdir(self.path(name))
            except OSError:
                return
            self._sound.discard(name)
            self._made.discard(name)
            name = name.rpartition("/")[0]

    def remove_bare(self, name: str) -> None:
        """Remove this folder if it holds one file and nothing else."""
        if list(self.walk()) == [name]:
            self.remove(name)
            self.remove_empty_folders(name.rpartition("/")[0])
            with suppress(OSError):
                os.rmdir(self.root)

    def set_mode(self, name: str, mode: int) -> None:
        self._check_parents(name)
        self.step("chmod", name)
        with self._told("change the mode of", name):
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)

    def _changed(self, name: str, durable: bool) -> None:
        if not durable:
            self._dirty.append(name)
        self._dirty_folders.add(name.rpartition("/")[0])

    def _sync_folder(self, name: str) -> None:
        descriptor = os.open(f"{self.root}/{name}" if name else self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def flush(self) -> None:
        """Bring every write so far to the disk: one by one while they are few, else all at once."""
        if not self._dirty and not self._dirty_folders:
            return
        self.step("flush", "")
        with self._told("flush", ""):
            if len(self._dirty) + len(self._dirty_folders) > 64:  # a single sync costs less (speed.md)
                os.sync()
            else:
                for name in self._dirty:
                    try:
                        descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                    except (FileNotFoundError, PermissionError):
                        continue
                    except OSError as error:
                        if error.errno == errno.ELOOP:  # a link is no more than its name
                            continue
                        raise
                    try:
                        os.fsync(descriptor)
                    finally:
                        os.close(descriptor)
                for folder in self._dirty_folders:
                    if os.path.isdir(f"{self.root}/{folder}" if folder else self.root):
                        self._sync_folder(folder)
        self._dirty.clear()
        self._dirty_folders.clear()

    # -- one run at a time -------------------------------------------------------

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the output folder for one run. Raises UserError with exit status 3 when another run has it."""
        import fcntl

        self._parent(name)
        with self._told("open", name):
            descriptor = os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise fail(
                    "output-locked",
                    f"another run holds `{self.root}`",
                    hint="wait until it is done; a killed run holds nothing",
                    status=3,
                ) from None
            yield
        finally:
            os.close(descriptor)
