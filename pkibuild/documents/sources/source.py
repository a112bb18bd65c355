"""Where the bytes of a document come from: the disk, or a revision of a git repository (`revision`)."""

from __future__ import annotations

from typing import Protocol

from pkibuild.world import files


class Source(Protocol):
    """A tree of files, addressed by absolute paths."""

    def read(self, path: str, limit: int) -> bytes:
        """The first `limit` + 1 bytes of a file. Raises OSError."""
        ...

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted. Raises OSError."""
        ...

    def real(self, path: str) -> str:
        """One name for a file, however it is reached."""
        ...


class Disk:
    """The files of this machine."""

    def read(self, path: str, limit: int) -> bytes:
        return files.read_file(path, limit)

    def names(self, folder: str) -> list[str]:
        return files.names_in(folder)

    def real(self, path: str) -> str:
        return files.real_path(path)
