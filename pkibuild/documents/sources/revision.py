"""Documents as a revision of a git repository has them, or its index: nothing of the working tree is seen.

Revisions are resolved once, to the id of a tree; no code is run (`git`).
"""

from __future__ import annotations

import errno
import posixpath

from msgspec import Struct, field

from pkibuild.core.diagnostics import fail
from pkibuild.core.values import Record
from pkibuild.documents.sources.git import CONFLICT, FILE, FOLDER, LINK, Entry, Git
from pkibuild.world import World

_LINKS = 40
"""So many symbolic links are followed, as the system does."""
_AHEAD = 1_000_000
"""Bytes of a file that is read before it is asked for, because its folder was listed."""
_FOLDERS = 10_000
"""So many are looked into: a tree of a few objects can have more folders than there are atoms."""
_LFS = b"version https://git-lfs.github.com/spec/"
_NOT_HERE = "this clone does not have its contents; `git fetch --refetch --no-filter` brings them"


class Named(Record):
    """`REV:PATH` as it was written."""

    revision: str
    """Empty for the index."""
    path: str

    @property
    def where(self) -> str:
        """The revision in words."""
        return f"`{self.revision}`" if self.revision else "the index"


def named(text: str) -> Named | None:
    """The revision and the path in it; None for the path of a file.

    As in git, `REV:PATH` is relative to the repository's root, `REV:./PATH` to the current folder, and without a
    revision the index is meant. Any colon makes a revision of it, whatever lies in the folder, so that no file can
    pass for one; a file whose name has a colon is written with its folder (`./a:b`). Raises UserError (wrong usage).
    """
    if text.startswith(("/", "./", "../")):
        return None
    depth = 0
    for at, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == ":" and depth == 0:
            return _checked(text[:at], text[at + 1 :], text)
    return None


def _checked(revision: str, path: str, text: str) -> Named:
    if revision.startswith("-") or not revision.isprintable() or not path.isprintable():
        raise fail("bad-revision", f"`{text}` names no revision", hint="write `REV:PATH`", status=64)
    if not path:
        hint = "write `REV:PATH`, such as `origin/main:pki.yaml`; a file whose name has a colon is written `./NAME`"
        raise fail("bad-revision", f"`{text}` has no path after the revision", hint=hint, status=64)
    return Named(revision, path)


class Revision(Struct):
    """The tree of one revision as a source of documents. Absolute paths are those that the working tree would have."""

    git: Git
    tree: str
    """Id of the tree object; empty for the index."""
    _folders: dict[str, dict[str, Entry]] = field(default_factory=dict)
    """By path below the root (empty: itself): what lies in it."""
    _trees: dict[str, dict[str, Entry]] = field(default_factory=dict)
    """By object: one tree may stand in many places."""
    _sizes: dict[str, int] = field(default_factory=dict)
    """Of objects, as far as they were told."""
    _listed: set[str] = field(default_factory=set)
    _blobs: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def open(cls, world: World, revision: str) -> Revision:
        """Find the repository that the current folder is in, and the revision (empty: the index). Raises UserError."""
        git = Git.here(world)
        return cls(git, git.tree(revision)) if revision else cls(git, "", git.index())

    @property
    def root(self) -> str:
        """Absolute path of the repository's root."""
        return self.git.root

    # -- a source of documents ---------------------------------------------------------------

    def read(self, path: str, limit: int) -> bytes:
        inside = self._real(self._inside(path))
        entry = self._entry(inside)
        if entry.kind == CONFLICT:
            raise OSError(errno.EBUSY, "it has conflicts that are not settled yet", path)
        if entry.kind != FILE:
            raise IsADirectoryError(errno.EISDIR, "", path)
        if self._size(entry, inside) > limit:
            raise OSError(errno.EFBIG, "the file is too large", path)
        data = self._content(entry, inside)
        if data.startswith(_LFS):
            raise OSError(errno.ENODATA, "git has only a pointer to it, as git-lfs makes them", path)
        return data

    def names(self, folder: str) -> list[str]:
        inside = self._real(self._inside(folder))
        found = self._folder(inside)
        self._listed.add(inside)
        return sorted(found)

    def real(self, path: str) -> str:
        try:
            return f"{self.tree}:{self._real(self._inside(path))}"
        except OSError:
            return f"{self.tree}:{path}"

    def path(self, written: str) -> str:
        """The absolute path that a `PATH` after a revision means."""
        start = self.git.world.folder() if written.startswith(("./", "../")) or written in (".", "..") else self.root
        return posixpath.normpath(posixpath.join(start, written))

    def name(self, path: str) -> str:
        """An absolute path as the revision has it."""
        return posixpath.relpath(path, self.root)

    # -- the tree ----------------------------------------------------------------------------

    def _inside(self, path: str) -> str:
        """A path relative to the root; what lies outside of the repository is not in the revision."""
        normal = posixpath.normpath(path)
        if normal == self.root:
            return ""
        if not normal.startswith(self.root.rstrip("/") + "/"):
            raise FileNotFoundError(errno.ENOENT, "", path)
        return normal[len(self.root.rstrip("/")) + 1 :]

    def _real(self, inside: str) -> str:
        """The path with every symbolic link in it followed. Raises OSError."""
        done: list[str] = []
        steps = inside.split("/") if inside else []
        links = 0
        while steps:
            step = steps.pop(0)
            folder = "/".join(done)
            entry = self._folder(folder).get(step)
            if entry is None:
                raise FileNotFoundError(errno.ENOENT, "", inside)
            if entry.kind == LINK:
                links += 1
                target = self._target(entry, "/".join([*done, step]), links)
                steps = [*self._inside(posixpath.join(self.root, folder, target)).split("/"), *steps]
                steps = [one for one in steps if one]
                done = []
            else:
                done.append(step)
        return "/".join(done)

    def _target(self, entry: Entry, inside: str, links: int) -> str:
        if links > _LINKS or self._size(entry, inside) > 4096:
            raise OSError(errno.ELOOP, "", inside)
        return self._content(entry, inside).decode("utf-8", "surrogateescape")

    def _entry(self, inside: str) -> Entry:
        folder, _, last = inside.rpartition("/")
        return self._folder(folder)[last] if last else Entry(FOLDER, self.tree)

    def _folder(self, inside: str) -> dict[str, Entry]:
        """What lies in a folder that is none of the links. Raises OSError."""
        if inside not in self._folders:
            tree = self.tree
            if inside:
                parent, _, last = inside.rpartition("/")
                entry = self._folder(parent).get(last)
                if entry is None or entry.kind != FOLDER:
                    raise NotADirectoryError(errno.ENOTDIR, "", inside)
                tree = entry.object
            if len(self._folders) >= _FOLDERS:
                raise OSError(errno.EMFILE, f"it leads into more than {_FOLDERS} folders", inside)
            self._folders[inside] = self._tree(tree, inside)
        return self._folders[inside]

    def _tree(self, tree: str, inside: str) -> dict[str, Entry]:
        if tree not in self._trees:
            found = self.git.listed(tree)
            if found is None:
                raise OSError(errno.ENODATA, _NOT_HERE, inside)
            self._trees[tree], sizes = found
            self._sizes.update(sizes)
        return self._trees[tree]

    # -- contents ----------------------------------------------------------------------------

    def _size(self, entry: Entry, inside: str) -> int:
        """Bytes of a file or link. Raises OSError."""
        name = entry.object
        if name not in self._sizes:
            self._sizes.update(self.git.sizes([name, *self._beside(inside)]))
        if name not in self._sizes:
            raise OSError(errno.ENODATA, _NOT_HERE, inside)
        return self._sizes[name]

    def _content(self, entry: Entry, inside: str) -> bytes:
        """What is in a file or link whose size is known. Raises OSError."""
        name = entry.object
        if name not in self._blobs:
            ahead = {one: self._sizes.get(one, _AHEAD) for one in self._beside(inside)}
            small = {one: size for one, size in ahead.items() if size < _AHEAD and one not in self._blobs}
            self._blobs.update(self.git.contents({name: self._sizes[name], **small}))
        if name not in self._blobs:
            raise OSError(errno.ENODATA, _NOT_HERE, inside)
        return self._blobs[name]

    def _beside(self, inside: str) -> list[str]:
        """Files like this one in its folder, if that was listed: they are most likely asked for next."""
        folder, _, last = inside.rpartition("/")
        if folder not in self._listed:
            return []
        suffix = posixpath.splitext(last)[1]
        beside = self._folder(folder).items()
        return [entry.object for other, entry in beside if entry.kind == FILE and other.endswith(suffix)]
