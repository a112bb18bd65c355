"""Where a manifest's output folder and lock lie, whose they are, and that one run at a time writes there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager

from pkibuild.cache.seal import RUN_LOCK
from pkibuild.core.diagnostics import fail
from pkibuild.core.values import Record
from pkibuild.model.manifest import Manifest
from pkibuild.state import marker
from pkibuild.world import World
from pkibuild.world.tree import Tree

RUNNING = ".cache/running"
"""Exists while a run writes: a run that finds it knows that another was killed, and removes its temporary files."""


class Workspace(Record):
    """The output folder and the lock of one manifest. `tree` is the only way into the folder."""

    manifest: Manifest
    tree: Tree
    lock_path: str

    @classmethod
    def of(cls, manifest: Manifest, world: World) -> Workspace:
        """That of a manifest. Nothing is read or checked."""
        return cls(manifest, world.tree(output_root(manifest)), lock_path(manifest))

    @property
    def lock_name(self) -> str:
        """The lock's path as the user would write it."""
        return shown(self.lock_path, self.manifest)

    def check_owner(self, world: World) -> None:
        """Raises UserError where the folder belongs to another user."""
        root = self.tree.stat_root()
        if root is not None and root.owner != world.user():
            owner, user = world.user_name(root.owner), world.user_name(world.user())
            raise fail(
                "foreign-owner",
                f"the output folder `{self.tree.root}` belongs to `{owner}`, and you are `{user}`",
                hint=f"run pkibuild as `{owner}`, or choose another `output:`",
            )

    def check_marker(self) -> None:
        """Raises UserError where the folder belongs to another manifest."""
        data = self.tree.read(marker.MARKER)
        if data is None:
            return
        theirs = marker.parse(data, f"{self.tree.root}/{marker.MARKER}").manifest
        if theirs != marker_of(self.manifest):
            raise fail(
                "output-taken",
                f"the output folder `{self.tree.root}` belongs to another manifest, `{theirs}`",
                ("output",) if self.manifest.locate(("output",)) else None,
                "give this manifest its own `output:`; after a rename of the manifest, run `pkibuild apply "
                "--take-over`",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out. Raises UserError with exit status 3 while another run is writing."""
        is_new = self.tree.stat_root() is None
        with self.tree.locked(RUN_LOCK):
            try:
                yield
            except BaseException:
                if is_new:  # a mistake in the manifest leaves no folder behind
                    self.tree.remove_bare(RUN_LOCK)
                raise


def output_root(manifest: Manifest) -> str:
    """Absolute path of the output folder."""
    return posixpath.normpath(posixpath.join(manifest.folder, manifest.output))


def lock_path(manifest: Manifest) -> str:
    """`pki.yaml` → `pki.lock` beside it; inside the output folder when that was given on the command line."""
    where = output_root(manifest) if posixpath.isabs(manifest.output) else manifest.folder
    return lock_in(where, manifest.path)


def lock_in(folder: str, manifest: str) -> str:
    """The path of the lock, in that folder, of the manifest at a path."""
    stem = posixpath.splitext(posixpath.basename(manifest))[0]
    return posixpath.join(folder, f"{stem}.lock")


def shown(path: str, manifest: Manifest) -> str:
    """A path beside the manifest as the user would write it."""
    folder = posixpath.dirname(manifest.path)
    return posixpath.join(folder, posixpath.relpath(path, manifest.folder))


def marker_of(manifest: Manifest) -> str:
    """The manifest's path relative to the output folder."""
    whole = posixpath.join(manifest.folder, posixpath.basename(manifest.path))
    return posixpath.relpath(whole, output_root(manifest))
