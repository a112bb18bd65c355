"""The files that come with pkibuild."""

from __future__ import annotations

from posixpath import dirname

from pkibuild.world.files import read_file

PACKAGE = dirname(dirname(__file__))


def package_file(name: str) -> str:
    """The text of a file of the package, named relative to it."""
    return read_file(f"{PACKAGE}/{name}").decode()
