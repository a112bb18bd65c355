"""Being another user: to root no file is closed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def hand_over(paths: Iterable[Path]) -> None:
    """Files and folders that are root's become nobody's; who is not root keeps his."""
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@contextmanager
def as_nobody(place: Path) -> Iterator[None]:
    """What root does within is done by nobody, to whom the folders above `place` are opened; who is not root stays."""
    if os.geteuid() != 0:
        yield
        return
    for path in place.parents[:-1]:
        if path.stat().st_uid == 0:
            path.chmod(path.stat().st_mode | 0o055)
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
