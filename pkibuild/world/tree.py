"""`Tree`: the one way in which the output folder is read and written.

Guarantees (artifacts.md, "Writing"): a path never leaves the root; a symbolic link below it is never followed; content
appears under its name whole or not at all (temporary file, mode before content, rename); a private key never exists
with a wider mode than it ends with. Ordinary writes are flushed together by `flush`; `durable=True` and `append` flush
at once.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.world import disk
from pkibuild.world.disk import Stat, as_stat, os_error, stat_of
from pkibuild.world.folders import Folders, look, path_below

TEMPORARY = ".pkibuild-tmp-"
"""How the name of every temporary file begins, so that a later run finds what an interrupted one left."""

_FEW = 64
"""Up to so many files and folders are flushed one by one; beyond, a single sync costs less (speed.md)."""


class Tree:
    """The output folder `root`. Paths are relative to it, with `/`. What fails raises UserError."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.caches = True
        """Whether what earlier runs kept in `.cache/` is used."""
        self._folders = Folders(root)
        self._dirty: list[str] = []
        self._dirty_folders: set[str] = set()

    def path(self, name: str) -> str:
        """The path on disk. Raises ValueError for an absolute path, empty parts, `.` and `..`, and a NUL."""
        return path_below(self.root, name)

    def step(self, operation: str, name: str) -> None:
        """Called before every change on disk; a test's subclass kills the run here."""

    def forget(self) -> None:
        """Look at every folder again: another process may have changed them."""
        self._folders.forget()

    def _failed(self, operation: str, name: str, error: OSError) -> UserError:
        return disk.failed(operation, f"{self.root}/{name}" if name else self.root, error)

    # -- reading ----------------------------------------------------------------

    def stat_root(self) -> Stat | None:
        """The folder itself; a link to it is followed, as it is the user's."""
        try:
            return as_stat(os.stat(self.root))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failed("read", "", error) from error

    def stat(self, name: str) -> Stat | None:
        return None if self._folders.is_absent(name) else look(self.root, name)

    def read(self, name: str) -> bytes | None:
        """The file's bytes, or None when there is none. A link is refused."""
        if self._folders.is_absent(name):
            return None
        try:
            return disk.read_all(self.path(name))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failed("read", name, error) from error

    def read_link(self, name: str) -> bytes:
        """The target of a symbolic link."""
        try:
            self._folders.check_parents(name)
            return os.fsencode(os.readlink(self.path(name)))
        except OSError as error:
            raise self._failed("read", name, error) from error

    def content(self, name: str) -> bytes | None:
        """The bytes of a file or the target of a symbolic link; None when there is neither."""
        stat = self.stat(name)
        return self.read_link(name) if stat is not None and stat.kind == "link" else self.read(name)

    def list(self, name: str = "") -> list[str]:
        """The names in a folder, sorted; those of folders end in `/`. Empty when there is no such folder."""
        try:
            self._folders.check_parents(f"{name}/x")
            with os.scandir(self.path(name) if name else self.root) as entries:
                return sorted(e.name + "/" if e.is_dir(follow_symlinks=False) else e.name for e in entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._failed("read", name, error) from error

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
        if not self._folders.exists(name):
            parent = self._parent(name)
            self.step("mkdir", name)
            path = self.path(name)
            self._folders.makes()
            try:
                os.mkdir(path, mode)
            except OSError as error:  # most often it is there already: only now is it looked at
                self._folders.drop(name)
                if self._folders.state(name) != "real":
                    if isinstance(error, FileExistsError):
                        error = os_error(errno.ENOTDIR, path)
                    raise self._failed("make the folder", name, error) from error
            else:
                self._folders.made(name)
                self._dirty_folders.add(parent)
                return
        if mode & 0o077 == 0:
            stat = look(self.root, name)
            if stat is not None and stat.mode & 0o077:
                self._change_mode(name, mode, folder=True)

    def _parent(self, name: str) -> str:
        """The folder of what is to be written, made if it is not there."""
        self._folders.writes(name)
        parent = name.rpartition("/")[0]
        if parent:
            if not self._folders.exists(parent):
                self.make_folder(parent)
        elif not os.path.isdir(self.root):
            try:
                os.makedirs(self.root, 0o755, exist_ok=True)
            except OSError as error:
                raise self._failed("make the folder", "", error) from error
        return parent

    def write(self, name: str, data: bytes, mode: int = 0o644, *, durable: bool = False) -> None:
        """Put a file in place of a file or link with its name."""
        parent = self._parent(name)
        target = self.path(name)
        temporary = _temporary(target)
        self.step("write", name)
        try:
            if not self._folders.is_made(parent):
                _check_replaceable(target)
            disk.create(temporary, data, mode, durable=durable, replace=True)
            self.step("rename", name)
            try:
                os.rename(temporary, target)
            except OSError:
                os.unlink(temporary)
                raise
        except OSError as error:
            raise self._failed("write", name, error) from error
        self._changed(name, parent, durable)

    def create(self, name: str, data: bytes, mode: int, *, durable: bool = True) -> None:
        """Make a new file; an existing one is an error, never overwritten."""
        parent = self._parent(name)
        self.step("create", name)
        try:
            disk.create(self.path(name), data, mode, durable=durable)
        except OSError as error:
            raise self._failed("create", name, error) from error
        self._changed(name, parent, durable)

    def append(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add to the end of a file and flush it to disk: a journal's commit."""
        parent = self._parent(name)
        self.step("append", name)
        path = self.path(name)
        try:
            new = not os.path.lexists(path)
            disk.append(path, data, mode)
            if new:
                disk.sync_folder(self._folder_path(parent))
        except OSError as error:
            raise self._failed("append to", name, error) from error

    def truncate(self, name: str, size: int) -> None:
        """Cut a file to `size` bytes (an incomplete last line) and flush it."""
        self.step("truncate", name)
        try:
            self._folders.check_parents(name)
            disk.truncate(self.path(name), size)
        except OSError as error:
            raise self._failed("write", name, error) from error

    def write_link(self, name: str, target: str) -> None:
        """Put a symbolic link in place of a file or link with its name."""
        parent = self._parent(name)
        path = self.path(name)
        self.step("link", name)
        try:
            _check_replaceable(path)
            disk.make_link(path, target, _temporary(path))
        except OSError as error:
            raise self._failed("write", name, error) from error
        self._dirty_folders.add(parent)

    def rename(self, old: str, new: str) -> None:
        parent = self._parent(new)
        self.step("rename", new)
        try:
            self._folders.check_parents(old)
            os.rename(self.path(old), self.path(new))
        except OSError as error:
            raise self._failed("rename", old, error) from error
        self._dirty_folders.add(old.rpartition("/")[0])
        self._changed(new, parent)

    def link(self, old: str, new: str) -> None:
        """Give a file a second name (a hard link); it is fine when that name is the same file already."""
        parent = self._parent(new)
        self.step("link", new)
        try:
            self._folders.check_parents(old)
            try:
                os.link(self.path(old), self.path(new), follow_symlinks=False)
            except FileExistsError:
                if not os.path.samefile(self.path(old), self.path(new)):
                    raise
        except OSError as error:
            raise self._failed("link", new, error) from error
        self._changed(new, parent)

    def remove(self, name: str) -> None:
        """Remove a file or link, if it is there."""
        if self._folders.is_absent(name):
            return
        self.step("remove", name)
        try:
            os.unlink(self.path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failed("remove", name, error) from error
        self._dirty_folders.add(name.rpartition("/")[0])

    def remove_empty_folders(self, name: str) -> None:
        """Remove a folder and those above it as far as they are empty."""
        while name:
            try:
                self._folders.check_parents(name)
                os.rmdir(self.path(name))
            except OSError:
                return
            self._folders.drop(name)
            name = name.rpartition("/")[0]

    def remove_bare(self, name: str) -> None:
        """Remove the output folder if it holds this one file and nothing else."""
        if list(self.walk()) == [name]:
            self.remove(name)
            self.remove_empty_folders(name.rpartition("/")[0])
            with suppress(OSError):
                os.rmdir(self.root)

    def set_mode(self, name: str, mode: int) -> None:
        self._change_mode(name, mode)

    def _change_mode(self, name: str, mode: int, *, folder: bool = False) -> None:
        try:
            self._folders.check_parents(name)
            self.step("chmod", name)
            disk.change_mode(self.path(name), mode, folder=folder)
        except OSError as error:
            raise self._failed("change the mode of", name, error) from error

    # -- flushing ----------------------------------------------------------------

    def _changed(self, name: str, parent: str, durable: bool = False) -> None:
        if not durable:
            self._dirty.append(name)
        self._dirty_folders.add(parent)

    def _folder_path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    def flush(self) -> None:
        """Bring every write so far to the disk."""
        if not self._dirty and not self._dirty_folders:
            return
        self.step("flush", "")
        try:
            if len(self._dirty) + len(self._dirty_folders) > _FEW:
                os.sync()
            else:
                for name in self._dirty:
                    disk.sync_file(self.path(name))
                for folder in self._dirty_folders:
                    with suppress(FileNotFoundError, NotADirectoryError):
                        disk.sync_folder(self._folder_path(folder))
        except OSError as error:
            raise self._failed("flush", "", error) from error
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
            raise self._failed("open", name, error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise fail(
                    "output-locked",
                    f"another run is using `{self.root}`",
                    hint="wait until it has finished; an interrupted run holds no lock",
                    status=3,
                ) from None
            yield
        finally:
            os.close(descriptor)


def _temporary(path: str) -> str:
    folder, _, base = path.rpartition("/")
    return f"{folder}/{TEMPORARY}{base[:200]}"


def _check_replaceable(path: str) -> None:
    """Raise IsADirectoryError where something other than a file or a link is."""
    stat = stat_of(path)
    if stat is not None and stat.kind not in ("file", "link"):
        raise os_error(errno.EISDIR, path)
