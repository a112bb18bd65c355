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
from typing import Literal

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.values import dataclass

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


_Folder = Literal["real", "made", "absent", "none"]
"""A folder, or what has its name: `real` is one that is no link; `made` one that was made by the object that knows it,
which has put there all that lies in it; `none` something else, or what cannot be looked at."""
_THERE = ("real", "made")
_NO_PATH = "\0"
"""No path begins so."""


def _write_all(descriptor: int, data: bytes) -> None:
    while data:  # nearly always once: what is left is copied only where the system took less
        data = data[os.write(descriptor, data) :]


class Tree:
    """A folder of ours. Paths are relative to it, with `/`."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._folders: dict[str, _Folder] = {"": "real"}
        """What is known of folders."""
        self._nowhere = _NO_PATH
        """How all paths below the last folder begin that was looked for and is not there: what lies in a folder to be
        is looked for in one go."""
        self._dirty: list[str] = []
        self._dirty_folders: set[str] = set()
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

    def _refused(self, what: str, name: str, error: OSError) -> UserError:
        """What the operating system refuses, in words. Raised in `except`, which costs nothing where all is well."""
        path = f"{self.root}/{name}" if name else self.root
        return fail(
            "read-failed" if what == "read" else "write-failed",
            f"cannot {what} `{path}`: {explain(error)}",
            hint="what stood before still stands; mend the cause and run the command again",
        )

    def _check_parents(self, name: str) -> None:
        """Refuse a path on which a symbolic link lies.

        Raises FileNotFoundError where no folder leads there, as far as is known: a link could have come since.
        """
        if self._folder(name.rpartition("/")[0]) == "absent":
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _folder(self, name: str) -> _Folder:
        """What is known of a folder, or else seen. One that is a symbolic link, or lies below one, is refused."""
        known = self._folders.get(name)
        if known is not None:
            return known
        found = None if self._is_known_absent(name) else self._look(name)
        if found is None:
            known = "absent"
            if not name.startswith(self._nowhere):
                self._nowhere = f"{name}/"
        elif found.kind == "folder":
            known = "real"
        elif found.kind == "link":
            raise fail(
                "symlink",
                f"`{self.root}/{name}` is a symbolic link; links inside the output folder are not followed",
                hint="put a real folder in its place",
            )
        else:
            return "none"
        self._folders[name] = known
        return known

    def _is_known_absent(self, name: str) -> bool:
        """Whether nothing can be there: this object knows of all that is in its folder, or that there is no such.

        A path on which a symbolic link lies is refused.
        """
        if name.startswith(self._nowhere):
            return True
        folder = self._folder(name.rpartition("/")[0])
        return folder == "absent" or (folder == "made" and name not in self._put)

    def forget(self) -> None:
        """Look at every folder again: another process may have been here."""
        self._folders = {"": "real"}
        self._nowhere = _NO_PATH
        self._put.clear()

    # -- reading ----------------------------------------------------------------

    def _look(self, name: str) -> Stat | None:
        try:
            return stat_of(self.path(name))
        except PermissionError:
            return _HIDDEN
        except OSError as error:
            raise self._refused("read", name, error) from error

    def stat_root(self) -> Stat | None:
        """The folder itself; a link to it is followed, as it is the user's."""
        try:
            return _stat(os.stat(self.root))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._refused("read", "", error) from error

    def stat(self, name: str) -> Stat | None:
        return None if self._is_known_absent(name) else self._look(name)

    def read(self, name: str) -> bytes | None:
        """The file's bytes, or None when there is none. A link is refused. Raises UserError."""
        if self._is_known_absent(name):
            return None
        try:
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                chunks = []
                while chunk := os.read(descriptor, 1 << 16):  # most files here are small: no object of `io` for them
                    chunks.append(chunk)
                return b"".join(chunks)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._refused("read", name, error) from error

    def list(self, name: str = "") -> list[str]:
        """Names in a folder, sorted; a folder's with a trailing `/`. Empty when there is none."""
        try:
            self._check_parents(f"{name}/x")
            with os.scandir(self.path(name) if name else self.root) as entries:
                return sorted(e.name + "/" if e.is_dir(follow_symlinks=False) else e.name for e in entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._refused("read", name, error) from error

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
        if self._folders.get(name) not in _THERE:
            parent = self._parent(name)
            self.step("mkdir", name)
            path = self.path(name)
            self._nowhere = _NO_PATH
            try:
                os.mkdir(path, mode)
            except OSError as error:  # most often it is there already: it is looked for only now
                self._folders.pop(name, None)
                if self._folder(name) != "real":
                    if isinstance(error, FileExistsError):
                        error = NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
                    raise self._refused("make the folder", name, error) from error
            else:
                self._folders[name] = "made"
                self._dirty_folders.add(parent)
                return
        if mode & 0o077 == 0:
            self._close_folder(name, mode)

    def _close_folder(self, name: str, mode: int) -> None:
        """Give a folder that is to be private its mode, where others may enter it."""
        found = self._look(name)
        if found is None or not found.mode & 0o077:
            return
        self._change_mode(name, mode, os.O_DIRECTORY)

    def _parent(self, name: str) -> str:
        """Make sure of the folder of what is to be put there."""
        self._put.add(name)
        parent = name.rpartition("/")[0]
        if parent:
            if self._folders.get(parent) not in _THERE:
                self.make_folder(parent)
        elif not os.path.isdir(self.root):
            try:
                os.makedirs(self.root, 0o755, exist_ok=True)
            except OSError as error:
                raise self._refused("make the folder", "", error) from error
        return parent

    def write(self, name: str, data: bytes, mode: int = 0o644, *, durable: bool = False) -> None:
        """Put a file in place of whatever file has its name. A link there is replaced, never followed."""
        parent = self._parent(name)
        target = self.path(name)
        folder, _, base = target.rpartition("/")
        temporary = f"{folder}/{TEMPORARY}{base[:200]}"
        self.step("write", name)
        try:
            found = None if self._folders[parent] == "made" else stat_of(target)
            if found is not None and found.kind not in ("file", "link"):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
            self._create(temporary, data, mode, durable)
            self.step("rename", name)
            try:
                os.rename(temporary, target)
            except OSError:
                os.unlink(temporary)
                raise
        except OSError as error:
            raise self._refused("write", name, error) from error
        self._changed(name, parent, durable)

    def create(self, name: str, data: bytes, mode: int, *, durable: bool = True) -> None:
        """Make a new file; an existing one is an error, never overwritten. Raises UserError."""
        parent = self._parent(name)
        self.step("create", name)
        try:
            self._create(self.path(name), data, mode, durable, keep=False)
        except OSError as error:
            raise self._refused("create", name, error) from error
        self._changed(name, parent, durable)

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
                _write_all(descriptor, data)
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
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            fresh = not os.path.lexists(self.path(name))
            descriptor = os.open(self.path(name), flags, mode)
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if fresh:
                self._sync_folder(parent)
        except OSError as error:
            raise self._refused("append to", name, error) from error

    def truncate(self, name: str, size: int) -> None:
        """Cut a torn tail off. Flushed at once."""
        self.step("truncate", name)
        try:
            self._check_parents(name)
            descriptor = os.open(self.path(name), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.ftruncate(descriptor, size)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._refused("write", name, error) from error

    def read_link(self, name: str) -> bytes:
        """Where a symbolic link points to. Raises UserError."""
        try:
            self._check_parents(name)
            return os.fsencode(os.readlink(self.path(name)))
        except OSError as error:
            raise self._refused("read", name, error) from error

    def content(self, name: str) -> bytes | None:
        """The bytes of a file, or where a symbolic link points to; None when there is neither. Raises UserError."""
        found = self.stat(name)
        return self.read_link(name) if found is not None and found.kind == "link" else self.read(name)

    def write_link(self, name: str, target: str) -> None:
        """Put a symbolic link in place of whatever file or link has its name."""
        parent = self._parent(name)
        temporary = self.path((f"{parent}/" if parent else "") + TEMPORARY + name.rpartition("/")[2][:200])
        self.step("link", name)
        try:
            if (found := stat_of(self.path(name))) is not None and found.kind not in ("file", "link"):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path(name))
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            os.symlink(target, temporary)
            os.rename(temporary, self.path(name))
        except OSError as error:
            raise self._refused("write", name, error) from error
        self._dirty_folders.add(parent)

    def rename(self, old: str, new: str) -> None:
        parent = self._parent(new)
        self.step("rename", new)
        try:
            self._check_parents(old)
            os.rename(self.path(old), self.path(new))
        except OSError as error:
            raise self._refused("rename", old, error) from error
        self._dirty_folders.add(old.rpartition("/")[0])
        self._changed(new, parent)

    def link(self, old: str, new: str) -> None:
        """Give a file a second name, unless that name is taken by the same file. Raises UserError."""
        parent = self._parent(new)
        self.step("link", new)
        try:
            self._check_parents(old)
            try:
                os.link(self.path(old), self.path(new), follow_symlinks=False)
            except FileExistsError:
                if not os.path.samefile(self.path(old), self.path(new)):
                    raise
        except OSError as error:
            raise self._refused("link", new, error) from error
        self._changed(new, parent)

    def remove(self, name: str) -> None:
        if self._is_known_absent(name):
            return
        self.step("remove", name)
        try:
            os.unlink(self.path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refused("remove", name, error) from error
        self._dirty_folders.add(name.rpartition("/")[0])

    def remove_empty_folders(self, name: str) -> None:
        """Remove a folder and those above it as far as they are empty."""
        while name:
            try:
                self._check_parents(name)
                os.rmdir(self.path(name))
            except OSError:
                return
            self._folders.pop(name, None)
            name = name.rpartition("/")[0]

    def remove_bare(self, name: str) -> None:
        """Remove this folder if it holds one file and nothing else."""
        if list(self.walk()) == [name]:
            self.remove(name)
            self.remove_empty_folders(name.rpartition("/")[0])
            with suppress(OSError):
                os.rmdir(self.root)

    def set_mode(self, name: str, mode: int) -> None:
        self._change_mode(name, mode, os.O_NONBLOCK)

    def _change_mode(self, name: str, mode: int, kind: int) -> None:
        """Of what is there, opened with the flag `kind` as well."""
        try:
            self._check_parents(name)
            self.step("chmod", name)
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind)
            try:
                os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._refused("change the mode of", name, error) from error

    def _changed(self, name: str, parent: str, durable: bool = False) -> None:
        if not durable:
            self._dirty.append(name)
        self._dirty_folders.add(parent)

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
        try:
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
                    with suppress(FileNotFoundError, NotADirectoryError):
                        self._sync_folder(folder)
        except OSError as error:
            raise self._refused("flush", "", error) from error
        self._dirty.clear()
        self._dirty_folders.clear()

    # -- one run at a time -------------------------------------------------------

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the output folder for one run. Raises UserError with exit status 3 when another run has it."""
        import fcntl

        self._parent(name)
        try:
            descriptor = os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._refused("open", name, error) from error
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
