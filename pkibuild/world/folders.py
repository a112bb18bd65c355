"""What a `Tree` has learned about the folders below its root, so that it looks at each of them once."""

from __future__ import annotations

import errno
from typing import Literal

from pkibuild.core.diagnostics import fail
from pkibuild.world.disk import HIDDEN, Stat, failed, os_error, stat_of

FolderState = Literal["real", "made", "absent", "other"]
"""`real` is a folder that is not a link; `made` one that this object made, so that it knows all that is in it; `other`
is something else, or cannot be looked at."""

_NO_PREFIX = "\0"
"""No path begins so."""


def path_below(root: str, name: str) -> str:
    """The path of `name` below `root`. Raises ValueError for an absolute path, empty parts, `.` and `..`, and a NUL."""
    parts = f"/{name}/"  # checked as text: a regular expression takes ten times as long
    if "//" in parts or "\0" in parts or ("/." in parts and ("/./" in parts or "/../" in parts)):
        raise ValueError(f"not a path below the output folder: {name!r}")
    return f"{root}/{name}"


def look(root: str, name: str) -> Stat | None:
    """What is at a path, without use of what is known; `hidden` where the user may not look. Raises UserError."""
    path = path_below(root, name)
    try:
        return stat_of(path)
    except PermissionError:
        return HIDDEN
    except OSError as error:
        raise failed("read", path, error) from error


class Folders:
    """The known folders of one tree. Paths are relative to its root."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.forget()

    def forget(self) -> None:
        """Look at every folder again: another process may have changed them."""
        self._states: dict[str, FolderState] = {"": "real"}
        self._absent_prefix = _NO_PREFIX
        """How all paths below the last absent folder begin: what is to be in a new folder is asked for in one go."""
        self._written: set[str] = set()
        """What this tree has put anywhere, or tried to."""

    def exists(self, name: str) -> bool:
        """Whether the folder is known to exist, without a look at the disk."""
        return self._states.get(name) in ("real", "made")

    def is_made(self, name: str) -> bool:
        """Whether this tree made the folder."""
        return self._states.get(name) == "made"

    def writes(self, name: str) -> None:
        """Something is to be put at this path."""
        self._written.add(name)

    def makes(self) -> None:
        """A folder is to be made, so that a path which was absent may come to exist."""
        self._absent_prefix = _NO_PREFIX

    def made(self, name: str) -> None:
        self._states[name] = "made"

    def drop(self, name: str) -> None:
        """Look at this folder again."""
        self._states.pop(name, None)

    def state(self, name: str) -> FolderState:
        """The folder's state, looked up if it is not known. Raises UserError for a symbolic link, or below one."""
        known = self._states.get(name)
        if known is not None:
            return known
        stat = None if self.is_absent(name) else look(self._root, name)
        if stat is None:
            known = "absent"
            if not name.startswith(self._absent_prefix):
                self._absent_prefix = f"{name}/"
        elif stat.kind == "folder":
            known = "real"
        elif stat.kind == "link":
            raise fail(
                "symlink",
                f"`{self._root}/{name}` is a symbolic link; links inside the output folder are not followed",
                hint="replace it with a real folder",
            )
        else:
            return "other"
        self._states[name] = known
        return known

    def is_absent(self, name: str) -> bool:
        """Whether nothing can be at this path: its folder does not exist, or was made by this tree without it.

        Raises UserError for a path on which a symbolic link is.
        """
        if name.startswith(self._absent_prefix):
            return True
        folder = self.state(name.rpartition("/")[0])
        return folder == "absent" or (folder == "made" and name not in self._written)

    def check_parents(self, name: str) -> None:
        """Raise UserError for a path on which a symbolic link is.

        Raises FileNotFoundError where no folder is known to lead there: a link could have come since.
        """
        if self.state(name.rpartition("/")[0]) == "absent":
            raise os_error(errno.ENOENT)
